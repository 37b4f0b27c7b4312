"""Long entries leave the last free executor to short ones, for a while."""

import math
from collections.abc import Sequence

from app.engine.entry import Batch, Entry

# A long entry is held back no longer than this many times what its own run takes.
PATIENCE = 4.0


class Hold:
    """Which entries may not run yet. Not thread-safe: the scheduler has the lock.

    Else long entries run on every executor at once, and short ones, which take a fraction of that
    time, all wait behind them. So one executor is kept free of them, even idle, while short ones
    come. With a single executor there is nothing to keep free.
    """

    def __init__(self, executors: int) -> None:
        self._executors = executors
        self._long_runs: set[Batch] = set()
        self._short_came_at = -math.inf

    def submitted(self, entries: Sequence[Entry], now: float) -> None:
        """Learn of a request. One with a long entry waits for that anyway, and counts as long."""
        if not any(entry.long for entry in entries):
            self._short_came_at = now

    def started(self, batch: Batch) -> None:
        if batch.long:
            self._long_runs.add(batch)

    def finished(self, batch: Batch) -> None:
        self._long_runs.discard(batch)

    def until(self, entry: Entry, pace: float) -> float:
        """Return the time up to which the entry is held back, unless a long run ends before.

        It lies in the past for one that may run. Patience counts from when the entry came, and is
        out as well once no short one came for as long, and where less than that is left before
        the deadline.
        """
        if not entry.long or not self.one_executor_left:
            return -math.inf
        patience = PATIENCE * entry.seconds_alone * pace
        since = min(entry.submitted_at, self._short_came_at)
        return min(since + patience, entry.deadline - patience)

    @property
    def one_executor_left(self) -> bool:
        """Whether long entries leave one executor to short ones, which so pass those that wait."""
        return self._executors > 1 and self._executors - len(self._long_runs) <= 1
