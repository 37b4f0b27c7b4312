"""Reads how busy a server is from its metrics."""

import re
import time
from collections.abc import Callable

BUSY = "classmark_executor_busy_seconds_total"
WAIT = "classmark_queue_expected_wait_seconds"


class LoadMeter:
    """Makes shares of what counters say between two readings.

    Args:
        executors: threads that run batches in the server.
    """

    def __init__(self, executors: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._executors = executors
        self._clock = clock
        self._last: tuple[float, float] | None = None

    def read(self, exposition: str) -> dict[str, float]:
        """Return the load since the last reading; of the first, none.

        Returns:
            busy_share: of all executors, from 0 to 1; expected_wait: of a new request, in seconds.
        """
        now, busy = self._clock(), _total(exposition, BUSY)
        since, before = self._last or (now, busy)
        self._last = now, busy
        # A counter starts anew with its process.
        executors = max(0.0, busy - before) / (now - since) if now > since else 0.0
        return {
            "busy_share": executors / self._executors,
            "expected_wait": _total(exposition, WAIT),
        }


def _total(exposition: str, name: str) -> float:
    """Return the sum of a metric's series; raise KeyError where there is none."""
    found = re.findall(rf"^{name}(?:\{{.*\}})? (\S+)$", exposition, re.MULTILINE)
    if not found:
        raise KeyError(f"no {name} in /metrics; the server is older than this deployment")
    return sum(map(float, found))
