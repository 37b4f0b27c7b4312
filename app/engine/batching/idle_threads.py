"""Executors that wait for work."""

import threading


class IdleThreads:
    """Waiting threads, of which the one that came last is woken first: its caches are warm.

    Args:
        lock: whoever calls a method has it; a waiting thread is without it meanwhile.
    """

    def __init__(self, lock: threading.Lock) -> None:
        self._lock = lock
        self._waiting: list[threading.Condition] = []

    def wait(self, seconds: float | None) -> None:
        """Wait to be woken, for so long at most; None waits for any time."""
        woken = threading.Condition(self._lock)
        self._waiting.append(woken)
        try:
            woken.wait(seconds)
        finally:
            if woken in self._waiting:  # nobody woke it
                self._waiting.remove(woken)

    def wake(self, count: int) -> None:
        """Wake so many threads, or all if fewer wait."""
        for _ in range(min(count, len(self._waiting))):
            self._waiting.pop().notify()

    def wake_all(self) -> None:
        self.wake(len(self._waiting))
