"""Executors on a scheduler without threads: time jumps from event to event."""

import heapq
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from app.engine.batching.entry import Batch, Entry
from app.engine.batching.idle_threads import IdleThreads
from app.engine.batching.scheduler import Scheduler
from app.errors import NotReady, Overloaded
from tests.support.fakes import FakeClock


class WouldWait(Exception):
    """An executor found nothing that it may run; it asks again after `seconds`, unless woken."""

    def __init__(self, seconds: float | None) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class NeverWaits(IdleThreads):
    def wait(self, seconds: float | None) -> None:
        raise WouldWait(seconds)


def make(executors: int = 1, max_queue_seconds: float = 1e9) -> tuple[Scheduler, FakeClock]:
    """Return a scheduler and the clock it is on; `take` raises WouldWait instead of waiting."""
    clock = FakeClock()
    scheduler = Scheduler(executors, max_queue_seconds, clock)
    scheduler._idle = NeverWaits(scheduler._lock)
    return scheduler, clock


def take(scheduler: Scheduler) -> Batch:
    batch = scheduler.take()
    assert batch is not None
    return batch


def lengths(batch: Batch) -> list[int]:
    return [entry.tokens for entry in batch.entries]


@dataclass
class Simulation:
    """Executors that pull from the scheduler; a batch takes what its cost says."""

    scheduler: Scheduler
    clock: FakeClock
    executors: int
    batches: list[Batch] = field(default_factory=list)
    most_long_runs: int = 0
    _events: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _running: list[Batch] = field(default_factory=list)
    _order: Iterator[int] = field(default_factory=itertools.count)

    def arrive(self, time: float, entries: list[Entry]) -> None:
        self._at(time, partial(self._submit, entries))

    def cancel(self, time: float, entries: list[Entry]) -> None:
        self._at(time, partial(self._cancel, entries))

    def run(self) -> None:
        while self._events:
            self.clock.now, _, happen = heapq.heappop(self._events)
            happen()
            self._pull()

    def _at(self, time: float, happen: Callable[[], None]) -> None:
        heapq.heappush(self._events, (time, next(self._order), happen))

    def _submit(self, entries: list[Entry]) -> None:
        try:
            self.scheduler.submit(entries)
        except Overloaded as refusal:
            for entry in entries:
                entry.end(refusal, self.clock.now)

    def _cancel(self, entries: list[Entry]) -> None:
        self.scheduler.discard(entries)
        for entry in entries:
            entry.end(NotReady("cancelled"), self.clock.now)

    def _complete(self, batch: Batch, seconds: float) -> None:
        self._running.remove(batch)
        self.scheduler.finished(batch, seconds)
        for entry in batch.entries:
            entry.end(entry.encoding.ids.astype(np.float32), self.clock.now)

    def _pull(self) -> None:
        while len(self._running) < self.executors:
            try:
                batch = take(self.scheduler)
            except WouldWait as wait:
                if wait.seconds is not None:
                    self._at(self.clock.now + wait.seconds, lambda: None)
                return
            self._start(batch)

    def _start(self, batch: Batch) -> None:
        self.batches.append(batch)
        for entry in batch.expired:
            entry.end(NotReady("expired"), self.clock.now)
        if batch.entries:
            self._running.append(batch)
            self.most_long_runs = max(self.most_long_runs, sum(b.long for b in self._running))
            seconds = batch.servable.cost.seconds(batch.padded_tokens)
            self._at(self.clock.now + seconds, partial(self._complete, batch, seconds))
