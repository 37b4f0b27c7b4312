"""The engine of this process: connects the event loop with scheduler and executors."""

import asyncio
import functools
import logging
import time
from collections.abc import Callable, Sequence

from app.background import in_thread
from app.engine.batching.entry import Entry, Outcome, Runnable
from app.engine.batching.executors import CompletedBatch, ExecutorPool, ExecutorStates
from app.engine.batching.scheduler import Clock, Scheduler
from app.engine.interface import Engine, PendingRun, RunRequest, RunResult, RunTrace
from app.engine.text.encoding import NO_LOGITS, Encoding, Logits
from app.errors import Cancelled, ClassmarkError, DeadlineExceeded, InferenceFailed, InvalidRequest
from app.telemetry.metrics import Metrics

logger = logging.getLogger(__name__)


class LocalRun(PendingRun):
    """The entries of one request; it ends with the last of them, or with an error of them all.

    Attributes:
        cost_seconds: how much longer others wait for them, once they are queued.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        clock: Clock,
        servable: Runnable,
        encodings: Sequence[Encoding],
        deadline: float,
        on_done: Callable[[], None],
        trace: bytes,
    ) -> None:
        self.entries = [Entry(servable, e, deadline, self._entry_ended, trace) for e in encodings]
        self.cost_seconds = 0.0
        super().__init__(deadline - clock(), on_done)
        self._scheduler = scheduler
        self._clock = clock
        self._open = len(self.entries)

    def _entry_ended(self, entry: Entry) -> None:
        self._open -= 1
        if self._open == 0 or _concerns_all(entry.outcome):
            self._finish()

    def _read(self) -> RunResult:
        logits: list[Logits] = []
        failures: dict[int, InferenceFailed] = {}
        for position, entry in enumerate(self.entries):
            outcome = entry.outcome
            if isinstance(outcome, InferenceFailed):
                failures[position], outcome = outcome, NO_LOGITS
            elif isinstance(outcome, ClassmarkError):
                raise outcome
            if outcome is not None:
                logits.append(outcome)
        return RunResult(
            logits,
            max([entry.started_at - entry.submitted_at for entry in self.entries]),
            max([entry.ended_at - entry.started_at for entry in self.entries]),
            self.cost_seconds,
            failures,
            _trace_run(self.entries) if self.entries[0].trace else None,
        )

    def _drop(self) -> None:
        if self._open == 0:
            return
        left = [entry for entry in self.entries if entry.outcome is None]
        self._scheduler.discard(left)
        for entry in left:
            entry.end(Cancelled("nobody waits for this entry any more"), self._clock())


def _trace_run(entries: Sequence[Entry]) -> RunTrace:
    return RunTrace(
        entries[0].submitted_at,
        min([entry.started_at for entry in entries]),
        max([entry.started_at for entry in entries]),
        max([entry.ended_at for entry in entries]),
        tuple(dict.fromkeys([entry.batch_trace for entry in entries if entry.batch_trace])),
    )


def _concerns_all(outcome: Outcome | None) -> bool:
    """Tell an error that ends a request from one that its neighbours survive."""
    return isinstance(outcome, ClassmarkError) and not isinstance(outcome, InferenceFailed)


class LocalEngine(Engine):
    """Runs encodings of any servable on this process's device.

    Args:
        trace_batch: called on the event loop with each batch that has run, before its entries end.
    """

    def __init__(
        self,
        executors: int,
        max_queue_seconds: float,
        metrics: Metrics,
        clock: Clock = time.monotonic,
        trace_batch: Callable[[CompletedBatch], None] | None = None,
    ) -> None:
        self.executors = executors
        self.scheduler = Scheduler(executors, max_queue_seconds, clock)
        self._clock = clock
        self._metrics = metrics
        self._trace_batch = trace_batch
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
        self._metrics.queue_expected_wait_seconds.set_function(lambda: self.expected_wait_seconds)
        self._metrics.executor_busy_seconds.set_function(self._pool.busy_seconds)
        for state in ("alive", "busy", "stuck"):
            self._metrics.executors.labels(state).set_function(
                functools.partial(self._executors_in, state)
            )

    async def stop(self, seconds: float = 30.0) -> None:
        """Refuse new work, run what is queued, end the threads; leave those that do not end."""
        self.scheduler.close()
        try:
            await in_thread(self._pool.join, seconds, "running what is queued")
        except TimeoutError as exc:
            logger.error("executors are left behind", extra={"reason": str(exc)})
        await asyncio.sleep(0)  # the last deliveries are already scheduled on this loop

    def _executors_in(self, state: str) -> float:
        return float(getattr(self.health(), state))

    def health(self) -> ExecutorStates:
        return self._pool.health()

    @property
    def expected_wait_seconds(self) -> float:
        return self.scheduler.expected_wait_seconds

    def check_admission(self, deadline: float, cost_seconds: float) -> None:
        self.scheduler.check_admission(deadline, cost_seconds)

    def unready_reason(self) -> str | None:
        health = self.health()
        if health.alive < self.executors or health.stuck:
            return (
                f"{health.alive} of {self.executors} executors are alive and {health.stuck} "
                "stuck; see the log"
            )
        return None

    def submit(
        self,
        servable: Runnable,
        encodings: Sequence[Encoding],
        deadline: float,
        on_done: Callable[[], None],
        trace: bytes = b"",
    ) -> LocalRun:
        run = LocalRun(self.scheduler, self._clock, servable, encodings, deadline, on_done, trace)
        run.cost_seconds = self._queue([run], run.entries)
        return run

    def submit_together(
        self, requests: Sequence[RunRequest], deadline: float, trace: bytes = b""
    ) -> list[LocalRun]:
        make_run = functools.partial(LocalRun, self.scheduler, self._clock)
        runs = [
            make_run(one.servable, one.encodings, deadline, one.on_done, trace) for one in requests
        ]
        cost = self._queue(runs, [entry for run in runs for entry in run.entries])
        alone = [sum(entry.seconds_alone for entry in run.entries) for run in runs]
        for run, seconds in zip(runs, alone, strict=True):
            run.cost_seconds = cost * seconds / sum(alone)
        return runs

    def _queue(self, runs: Sequence[LocalRun], entries: Sequence[Entry]) -> float:
        """Queue the entries of these runs, or close the runs and raise why none is queued."""
        try:
            if not all(entry.tokens for entry in entries):
                raise InvalidRequest("an encoding has no token; leave it out")
            return self.scheduler.submit(entries)
        except ClassmarkError:
            for run in runs:
                run.close()
            raise

    def _deliver(self, completed: CompletedBatch) -> None:
        """Hand a batch over to the event loop: one wake-up for all its entries."""
        assert self._loop is not None  # executors run only after start()
        self._loop.call_soon_threadsafe(self._settle, completed)

    def _settle(self, completed: CompletedBatch) -> None:
        batch, now = completed.batch, self.clock()
        if self._trace_batch is not None:
            self._trace_batch(completed)
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

    def _observe(self, completed: CompletedBatch) -> None:
        batch, labels = completed.batch, completed.batch.servable.metric_labels
        if completed.failed:
            self._metrics.batch_failures.labels(labels.model).inc()
        if batch.entries:
            series, real = self._metrics.of(labels), batch.real_tokens
            series.batch_entries.observe(len(batch.entries))
            series.batch_seconds.observe(completed.seconds)
            series.batch_real_tokens.inc(real)
            series.batch_padding_tokens.inc(batch.padded_tokens - real)
