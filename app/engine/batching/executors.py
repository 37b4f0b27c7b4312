"""Runs batches on threads that pull them; a thread that dies is replaced and reported."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from app.engine.batching.entry import Batch, Entry, Outcome
from app.engine.batching.scheduler import Clock, Scheduler
from app.engine.text.encoding import Logits
from app.errors import InferenceFailed

logger = logging.getLogger(__name__)

STUCK_AFTER_SECONDS = 60.0


@dataclass(frozen=True, slots=True, eq=False)
class CompletedBatch:
    """A batch with one outcome for each of its entries."""

    batch: Batch
    outcomes: tuple[Outcome, ...]
    seconds: float
    failed: bool = False


Deliver = Callable[[CompletedBatch], None]


@dataclass(frozen=True, slots=True)
class ExecutorStates:
    """Executors by state."""

    alive: int
    busy: int
    stuck: int


class BusyTime(NamedTuple):
    """How long one executor has run batches, replaced as a whole: any thread may read it.

    Attributes:
        seconds: of the batches that have ended.
        since: when the batch that runs now was begun.
    """

    seconds: float = 0.0
    since: float | None = None

    def until(self, now: float) -> float:
        return self.seconds + (0.0 if self.since is None else max(0.0, now - self.since))


class ExecutorPool:
    """A fixed number of executor threads on one scheduler.

    Args:
        deliver: called on the executor's thread, once for each batch taken.
        on_death: called when an executor died, before its replacement starts.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        count: int,
        deliver: Deliver,
        on_death: Callable[[], None],
        clock: Clock = time.monotonic,
    ) -> None:
        self._scheduler = scheduler
        self._deliver = deliver
        self._on_death = on_death
        self._clock = clock
        self._threads = [self._thread(slot) for slot in range(count)]
        self._running: list[Batch | None] = [None] * count
        self._busy = [BusyTime()] * count

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        """Wait until the threads have run all that the closed scheduler has queued."""
        for slot in range(len(self._threads)):
            while (thread := self._threads[slot]).is_alive():  # or its replacement
                thread.join()

    def health(self) -> ExecutorStates:
        running = [batch for batch in self._running if batch is not None]
        stuck_before = self._clock() - STUCK_AFTER_SECONDS
        return ExecutorStates(
            alive=sum(thread.is_alive() for thread in self._threads),
            busy=len(running),
            stuck=sum(batch.sealed_at < stuck_before for batch in running),
        )

    def busy_seconds(self) -> float:
        """Return how long executors have run batches, the running ones included; it only grows."""
        now = self._clock()  # first, so that a batch that ends meanwhile counts no less
        return sum(busy.until(now) for busy in self._busy)

    def _thread(self, slot: int) -> threading.Thread:
        return threading.Thread(
            target=self._main, args=(slot,), name=f"executor-{slot}", daemon=True
        )

    def _main(self, slot: int) -> None:
        try:
            self._serve(slot)
        except BaseException:
            logger.exception("executor died and is replaced", extra={"executor": slot})
            self._replace(slot)

    def _serve(self, slot: int) -> None:
        while self._run_next(slot):
            pass

    def _run_next(self, slot: int) -> bool:
        """Wait for a batch and run it; return False when no more will come.

        Each batch has its own call, so a waiting thread holds no references: an old version's
        session is freed with its last answer and not at the next request.
        """
        batch = self._scheduler.take()
        if batch is None:
            return False
        self._running[slot] = batch
        before, started = self._busy[slot].seconds, self._clock()
        self._busy[slot] = BusyTime(before, started)
        try:
            outcomes, failed = run_batch(batch)
        finally:  # also when the thread dies: entries may be held back until then
            seconds = self._clock() - started
            self._busy[slot] = BusyTime(before + seconds)
            self._scheduler.finished(batch, seconds)
        self._running[slot] = None
        self._deliver(CompletedBatch(batch, outcomes, seconds, failed))
        return True

    def _replace(self, slot: int) -> None:
        """Fail the dead executor's batch, then start a new thread in its place."""
        batch, self._running[slot] = self._running[slot], None
        if batch is not None:
            error = InferenceFailed(
                "the executor died while it ran this input's batch; send the request again, and "
                "look for 'executor died' in the log"
            )
            self._deliver(CompletedBatch(batch, (error,) * len(batch.entries), 0.0, failed=True))
        self._on_death()
        replacement = self._thread(slot)
        replacement.start()  # before it is stored: every stored thread counts as started
        self._threads[slot] = replacement


def run_batch(batch: Batch) -> tuple[tuple[Outcome, ...], bool]:
    """Run a batch; if it fails, run its entries alone once, so that a poison input fails alone.

    Logits that are not finite are a failure too: no score can be computed from them.
    """
    try:
        return tuple(_run(batch.entries)), False
    except Exception as exc:
        logger.warning(
            "batch failed",
            extra={"model": batch.servable.name, "entries": len(batch.entries), "error": repr(exc)},
        )
        if len(batch.entries) == 1:
            return (_failure(exc),), True
        return tuple(_run_alone(entry) for entry in batch.entries), True


def _run(entries: Sequence[Entry]) -> Sequence[Outcome]:
    if not entries:
        return ()
    logits = entries[0].servable.run([entry.encoding for entry in entries])
    if not _are_finite(logits):
        raise ArithmeticError("logits that are not finite")
    return logits


def _are_finite(logits: Sequence[Logits]) -> bool:
    """Tell whether scores can be read from them; most often all are rows of one array."""
    whole = logits[0].base
    if whole is not None and all(one.base is whole for one in logits) and np.isfinite(whole).all():
        return True
    return all(np.isfinite(one).all() for one in logits)


def _run_alone(entry: Entry) -> Outcome:
    try:
        return _run([entry])[0]
    except Exception as exc:
        return _failure(exc)


def _failure(exc: Exception) -> InferenceFailed:
    return InferenceFailed(
        f"the model failed on this input with {type(exc).__name__}; its neighbours were run "
        "without it; look for 'batch failed' in the log"
    )
