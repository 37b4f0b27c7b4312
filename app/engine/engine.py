"""The event loop's door to scheduler and executors."""

import asyncio
import functools
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from app.engine.decoding import Logits
from app.engine.entry import Entry, Runnable
from app.engine.executor import Completed, ExecutorPool, Health
from app.engine.scheduler import Clock, Scheduler
from app.engine.servable import Servable
from app.engine.tokenization import Encoding
from app.errors import Cancelled, ClassmarkError, DeadlineExceeded
from app.metrics import Metrics

logger = logging.getLogger(__name__)

TIME_RAN_OUT = (
    "the request's time ran out while it was queued or running; allow more time with "
    "X-Request-Timeout-Seconds or CLASSMARK_REQUEST_TIMEOUT_SECONDS, or add a replica"
)


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """Logits in the order of the encodings, and how long the slowest entry queued and ran."""

    logits: list[Logits]
    queue_seconds: float
    run_seconds: float


class Submission:
    """The entries of one request; settled on the event loop's thread only."""

    def __init__(self, servable: Runnable, encodings: Sequence[Encoding], deadline: float) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.entries = [Entry(servable, e, deadline, self._entry_ended) for e in encodings]
        self._open = len(self.entries)

    def _entry_ended(self, entry: Entry) -> None:
        self._open -= 1
        if (self._open == 0 or isinstance(entry.outcome, Exception)) and not self.done.done():
            self.done.set_result(None)

    def time_out(self) -> None:
        """End the wait with DeadlineExceeded, unless it has ended."""
        if not self.done.done():
            self.done.set_exception(DeadlineExceeded(TIME_RAN_OUT))

    def result(self) -> Run:
        """Return every entry's logits; raise the first error."""
        logits: list[Logits] = []
        for entry in self.entries:
            if isinstance(entry.outcome, ClassmarkError):
                raise entry.outcome
            if entry.outcome is not None:
                logits.append(entry.outcome)
        return Run(
            logits,
            max(entry.started_at - entry.submitted_at for entry in self.entries),
            max(entry.ended_at - entry.started_at for entry in self.entries),
        )


class Runner(Protocol):
    """What the HTTP side needs of an engine, in this process or in another."""

    @property
    def clock(self) -> Clock: ...

    async def run(
        self, servable: Servable, encodings: Sequence[Encoding], deadline: float
    ) -> Run: ...

    def check_admission(self, deadline: float) -> None:
        """Raise Overloaded or NotReady if `run` would, before anything is spent on the request.

        An engine that cannot know yet says nothing; `run` then says it.
        """
        ...

    def unready_reason(self) -> str | None:
        """Return why nothing can be run now, or None if it can."""
        ...


class Engine:
    """Runs encodings of any servable on this process's device."""

    def __init__(
        self,
        executors: int,
        max_queue_seconds: float,
        metrics: Metrics,
        clock: Clock = time.monotonic,
    ) -> None:
        self.executors = executors
        self.scheduler = Scheduler(executors, max_queue_seconds, clock)
        self._clock = clock
        self._metrics = metrics
        self._pool = ExecutorPool(
            self.scheduler, executors, self._deliver, metrics.executor_restarts.inc, clock
        )
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def clock(self) -> Clock:
        return self._clock

    def start(self) -> None:
        """Start the executors; results come back to the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._pool.start()
        self._metrics.queue_entries.set_function(lambda: self.scheduler.queued)
        self._metrics.queue_expected_wait_seconds.set_function(
            lambda: self.scheduler.expected_wait_seconds
        )
        for state in ("alive", "busy", "stuck"):
            self._metrics.executors.labels(state).set_function(
                functools.partial(self._executors_in, state)
            )

    async def stop(self) -> None:
        """Refuse new work, run what is queued, end the threads."""
        self.scheduler.close()
        await asyncio.to_thread(self._pool.join)
        await asyncio.sleep(0)  # the last deliveries are already scheduled on this loop

    def _executors_in(self, state: str) -> float:
        return float(getattr(self.health(), state))

    def health(self) -> Health:
        return self._pool.health()

    def check_admission(self, deadline: float) -> None:
        """Raise Overloaded or NotReady if `run` would, before anything is spent on the request."""
        self.scheduler.check_admission(deadline)

    def unready_reason(self) -> str | None:
        """Return why nothing can be run now, or None if it can."""
        health = self.health()
        if health.alive < self.executors or health.stuck:
            return (
                f"{health.alive} of {self.executors} executors are alive and {health.stuck} "
                "stuck; see the log"
            )
        return None

    async def run(self, servable: Runnable, encodings: Sequence[Encoding], deadline: float) -> Run:
        """Run the encodings of one request, sharing batches with others.

        Args:
            deadline: on the engine's clock; past it the request ends with DeadlineExceeded.

        Raises:
            Overloaded, NotReady: nothing was queued.
            DeadlineExceeded, InferenceFailed: the other entries of the request are dropped.
        """
        submission = self.submit(servable, encodings, deadline)
        loop = asyncio.get_running_loop()
        timer = loop.call_later(deadline - self.clock(), submission.time_out)
        try:
            await submission.done
            return submission.result()
        finally:
            timer.cancel()
            self.abandon(submission)

    def submit(
        self, servable: Runnable, encodings: Sequence[Encoding], deadline: float
    ) -> Submission:
        """Queue the encodings of one request; raise Overloaded or NotReady, then none is queued."""
        submission = Submission(servable, encodings, deadline)
        self.scheduler.submit(submission.entries)
        return submission

    def abandon(self, submission: Submission) -> None:
        """Drop what is still queued of a request that failed, expired or lost its client."""
        left = [entry for entry in submission.entries if entry.outcome is None]
        if left:
            self.scheduler.discard(left)
            now = self.clock()
            for entry in left:
                entry.end(Cancelled("nobody waits for this entry any more"), now)

    def _deliver(self, completed: Completed) -> None:
        """Hand a batch over to the event loop: one wake-up for all its entries."""
        assert self._loop is not None  # executors run only after start()
        self._loop.call_soon_threadsafe(self._settle, completed)

    def _settle(self, completed: Completed) -> None:
        batch, now = completed.batch, self.clock()
        for entry, outcome in zip(batch.entries, completed.outcomes, strict=True):
            entry.end(outcome, now)
        for entry in batch.expired:
            entry.end(
                DeadlineExceeded(
                    f"the request waited {now - entry.submitted_at:.2f} s and its time ran out "
                    "before it could run; allow more time, or add a replica"
                ),
                now,
            )
        self._observe(completed)

    def _observe(self, completed: Completed) -> None:
        batch, model = completed.batch, completed.batch.servable.name
        if completed.failed:
            self._metrics.batch_failures.labels(model).inc()
        if batch.entries:
            series, real = self._metrics.of(model), batch.real_tokens
            series.batch_entries.observe(len(batch.entries))
            series.batch_seconds.observe(completed.seconds)
            series.batch_real_tokens.inc(real)
            series.batch_padding_tokens.inc(batch.padded_tokens - real)
