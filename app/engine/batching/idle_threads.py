"""Keeps idle executors waiting until there is work."""

import threading


class IdleThreads:
    """Waiting threads; the last to wait is woken first, because its caches are warm.

    Args:
        lock: held by every caller; released while a thread waits.
    """

    def __init__(self, lock: threading.Lock) -> None:
        self._lock = lock
        self._waiting: list[threading.Condition] = []

    def wait(self, seconds: float | None) -> None:
        """Wait to be woken, for at most this long; None sets no limit."""
        woken = threading.Condition(self._lock)
        self._waiting.append(woken)
        try:
            woken.wait(seconds)
        finally:
            if woken in self._waiting:  # nobody woke it
                self._waiting.remove(woken)

    def wake(self, count: int) -> None:
        """Wake this many threads, or all if fewer wait."""
        for _ in range(min(count, len(self._waiting))):
            self._waiting.pop().notify()

    def wake_all(self) -> None:
        self.wake(len(self._waiting))
