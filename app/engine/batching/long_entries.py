"""Long entries make way for short ones, for a while."""

import math
from collections.abc import Sequence

from app.engine.batching.entry import Batch, Entry

# A long entry makes way no longer than this many times what its own run takes.
PATIENCE = 4.0


class LongEntryPolicy:
    """Which entries may not run yet. Not thread-safe: the scheduler has the lock.

    Else short entries, which take a fraction of that time, all wait behind long ones. So one
    executor of several is kept free of long entries, even idle, while short ones come. And no long
    entry starts while a short one is queued: what is left to them for its run is often just enough,
    and a backlog at its beginning would last.
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

    def until(self, entry: Entry, pace: float, *, short_queued: bool) -> float:
        """Return the time up to which the entry is held back, unless what it waits for ends before.

        It lies in the past for one that may run.
        """
        if not entry.long or not (short_queued or self._one_executor_left):
            return -math.inf
        no_short_comes = self._short_came_at + _patience(entry, pace)
        return min(self.makes_way_until(entry, pace), no_short_comes)

    def makes_way_until(self, entry: Entry, pace: float) -> float:
        """Return the time up to which short entries that come pass a long one.

        Its patience counts from when it came, and must leave as much before its deadline.
        """
        patience = _patience(entry, pace)
        return min(entry.submitted_at + patience, entry.deadline - patience)

    @property
    def _one_executor_left(self) -> bool:
        return self._executors > 1 and self._executors - len(self._long_runs) <= 1


def _patience(entry: Entry, pace: float) -> float:
    return PATIENCE * entry.seconds_alone * pace
