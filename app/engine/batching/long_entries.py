"""Lets short entries pass long ones, for a limited time."""

import math
from collections.abc import Sequence

from app.engine.batching.entry import Batch, Entry

# A long entry makes way for at most this many times its own run time.
PATIENCE = 4.0


class LongEntryPolicy:
    """Decides which entries may not run yet. Not thread-safe: the scheduler holds the lock.

    Short entries take a fraction of the time and would all wait behind long ones. So one executor
    of several is kept free of long entries, even idle, while short ones arrive. And no long entry
    starts while a short one is queued: during its run the other executors often just keep up with
    the short ones, so a backlog at its start would persist.
    """

    def __init__(self, executors: int) -> None:
        self._executors = executors
        self._long_runs: set[Batch] = set()
        self._short_came_at = -math.inf

    def submitted(self, entries: Sequence[Entry], now: float) -> None:
        """Note a new request. One with a long entry counts as long: it waits for that entry."""
        if not any(entry.long for entry in entries):
            self._short_came_at = now

    def started(self, batch: Batch) -> None:
        if batch.long:
            self._long_runs.add(batch)

    def finished(self, batch: Batch) -> None:
        self._long_runs.discard(batch)

    def until(self, entry: Entry, pace: float, *, short_queued: bool) -> float:
        """Return the time until which the entry is held back; it is past if the entry may run.

        The entry may run earlier if what it waits for ends.
        """
        if not entry.long or not (short_queued or self._one_executor_left):
            return -math.inf
        no_short_comes = self._short_came_at + _patience(entry, pace)
        return min(self.makes_way_until(entry, pace), no_short_comes)

    def makes_way_until(self, entry: Entry, pace: float) -> float:
        """Return the time until which short entries that arrive pass a long one.

        Its patience starts at its arrival, and must leave as much time before its deadline.
        """
        patience = _patience(entry, pace)
        return min(entry.submitted_at + patience, entry.deadline - patience)

    @property
    def _one_executor_left(self) -> bool:
        return self._executors > 1 and self._executors - len(self._long_runs) <= 1


def _patience(entry: Entry, pace: float) -> float:
    return PATIENCE * entry.seconds_alone * pace
