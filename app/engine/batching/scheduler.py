"""Decides what runs next: one queue for a device, from which free executors pull.

A batch is sealed only when an executor asks for one ("seal late"), so there is no linger timer: an
idle device takes an entry at once, and under load batches grow because devices are busy. Only a
long entry may wait while an executor is idle, to let arriving short ones pass.
"""

import math
import threading
import time
from collections.abc import Callable, Iterable, Sequence

from app.engine.admission import Admission
from app.engine.batching.entry import Batch, Entry
from app.engine.batching.idle_threads import IdleThreads
from app.engine.batching.long_entries import LongEntryPolicy
from app.engine.batching.queue import Queue
from app.engine.batching.wait_estimate import WaitEstimate
from app.errors import NotReady

Clock = Callable[[], float]

# Weight of the newest batch in the measured pace: about the last 20 batches count.
PACE_SMOOTHING = 0.05


class Scheduler:
    """The queue. Every method may be called from any thread."""

    def __init__(
        self, executors: int, max_queue_seconds: float, clock: Clock = time.monotonic
    ) -> None:
        self._executors = executors
        self._admission = Admission(max_queue_seconds)
        self._clock = clock
        self._lock = threading.Lock()
        self._idle = IdleThreads(self._lock)
        self._queue = Queue()
        self._long_entries = LongEntryPolicy(executors)
        self._wait = WaitEstimate(executors)
        self._pace = 1.0
        self._closed = False

    @property
    def queued(self) -> int:
        with self._lock:
            return len(self._queue)

    @property
    def expected_wait_seconds(self) -> float:
        """How long a short entry submitted now would wait, at the measured pace of batches."""
        with self._lock:
            return self._expected_wait(self._clock(), long=False)

    def _expected_wait(self, now: float, *, long: bool) -> float:
        queued = self._queue.seconds
        first = self._queue.oldest_long
        if not long and first and now < self._long_entries.makes_way_until(first, self._pace):
            queued -= self._queue.long_seconds  # a short entry passes them
        return self._wait.wait_seconds(queued * self._pace, self._pace, now)

    def submit(self, entries: Sequence[Entry]) -> float:
        """Queue the entries of one request, all or none; raise what admission raises.

        Returns:
            How many seconds longer the next request will wait for these.
        """
        now = self._clock()
        with self._lock:
            deadline = min([entry.deadline for entry in entries])
            alone = sum([entry.seconds_alone for entry in entries])
            cost = alone * self._pace / self._executors
            self._check_admission(now, deadline, cost, long=any(one.long for one in entries))
            for entry in entries:
                entry.submitted_at = now
                self._queue.add(entry)
            self._long_entries.submitted(entries, now)
            # Any idle executor may take any of these entries, so it does not matter which wake.
            self._idle.wake(len(entries))
            return cost

    def check_admission(self, deadline: float, cost_seconds: float) -> None:
        """Raise NotReady, or what admission raises, for short entries with this deadline."""
        with self._lock:
            self._check_admission(self._clock(), deadline, cost_seconds, long=False)

    def _check_admission(
        self, now: float, deadline: float, cost_seconds: float, *, long: bool
    ) -> None:
        if self._closed:
            raise NotReady("the service is shutting down; send the request to another replica")
        wait = self._expected_wait(now, long=long)
        self._admission.check(wait, deadline - now, cost_seconds, now)

    def discard(self, entries: Iterable[Entry]) -> None:
        """Remove entries that nobody waits for any more from the queue."""
        with self._lock:
            for entry in entries:
                if entry in self._queue:
                    self._queue.remove(entry)

    def take(self) -> Batch | None:
        """Wait for work and seal a batch; return None once closed and empty.

        The caller must report the end of the batch with `finished`, even after a failure.
        """
        with self._lock:
            while (batch := self._seal(self._clock())) is None:
                if self._closed:
                    return None
                self._idle.wait(self._held_seconds())
            self._long_entries.started(batch)
            self._wait.started(batch)
            return batch

    def finished(self, batch: Batch, seconds: float) -> None:
        """Note the end of a batch; learn the pace: its real time over its entries' costs alone.

        Args:
            seconds: how long it ran, until its end or its failure.
        """
        with self._lock:
            if batch.seconds_alone > 0:
                self._pace += PACE_SMOOTHING * (seconds / batch.seconds_alone - self._pace)
            self._long_entries.finished(batch)
            self._wait.finished(batch)
            if batch.long and self._queue:
                self._idle.wake(1)  # one of those held back may run

    def close(self) -> None:
        """Refuse new entries; executors finish what is queued."""
        with self._lock:
            self._closed = True
            self._idle.wake_all()

    def _seal(self, now: float) -> Batch | None:
        """Take the oldest entry that may run and its neighbours; return None if there is none."""
        expired: list[Entry] = []
        may_run = (entry for entry in self._queue if self._held_until(entry) <= now)
        oldest = self._queue.pop_live(may_run, now, expired)
        if oldest is None:
            return Batch(expired[0].servable, (), tuple(expired), now) if expired else None
        entries = [oldest]
        if oldest.servable.batch_invariant:
            entries += self._queue.pop_neighbours(oldest, now, expired)
        for entry in entries:
            entry.started_at = now
        return Batch(oldest.servable, tuple(entries), tuple(expired), now)

    def _held_until(self, entry: Entry) -> float:
        if self._closed:
            return -math.inf
        return self._long_entries.until(entry, self._pace, short_queued=self._queue.has_short)

    def _held_seconds(self) -> float | None:
        """Return how long every queued entry is still held back; None if the queue is empty."""
        if not self._queue:
            return None
        return max(0.0, min(map(self._held_until, self._queue)) - self._clock())
