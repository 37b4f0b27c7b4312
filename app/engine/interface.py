"""Defines the engine as the HTTP side uses it, in this process or in another."""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from app.engine.admission import TIME_RAN_OUT
from app.engine.batching.scheduler import Clock
from app.engine.models.servable import Servable
from app.engine.text.encoding import Encoding, Logits
from app.errors import ClassmarkError, DeadlineExceeded, InferenceFailed

logger = logging.getLogger(__name__)


class RunTrace(NamedTuple):
    """When the entries of a traced request queued and ran, on the engine's clock.

    Attributes:
        batches: where the batches they ran in are in traces.
    """

    submitted_at: float
    first_started_at: float
    last_started_at: float
    ended_at: float
    batches: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class RunResult:
    """Logits in the order of the encodings, and how long the slowest entry queued and ran.

    Attributes:
        cost_seconds: how much longer others waited for this.
        failures: by position, why the model could not run an encoding; its logits are empty.
        trace: of what was submitted with its place in a trace.
    """

    logits: list[Logits]
    queue_seconds: float
    run_seconds: float
    cost_seconds: float
    failures: Mapping[int, InferenceFailed] = field(default_factory=dict)
    trace: RunTrace | None = None


class RunRequest(NamedTuple):
    """What a request wants of one of several servables; `on_done` as in `Engine.submit`."""

    servable: Servable
    encodings: Sequence[Encoding]
    on_done: Callable[[], None]


class PendingRun(ABC):
    """The encodings of one request, submitted to an engine; event loop's thread only.

    Args:
        seconds: time after which the wait ends with DeadlineExceeded.
        on_done: called once when `result` can return or raise, unless `close` came first.
    """

    def __init__(self, seconds: float, on_done: Callable[[], None]) -> None:
        self._on_done: Callable[[], None] | None = on_done
        self._error: ClassmarkError | None = None
        self._timer = asyncio.get_running_loop().call_later(seconds, self._time_out)

    def result(self) -> RunResult:
        """Return every encoding's outcome; raise an error that concerns them all."""
        if self._error is not None:
            raise self._error
        return self._read()

    def close(self) -> None:
        """Stop waiting, and drop what is still queued."""
        self._timer.cancel()
        self._on_done = None
        self._drop()

    @abstractmethod
    def _read(self) -> RunResult: ...

    @abstractmethod
    def _drop(self) -> None:
        """Drop what has not ended; may be called twice, and after the end."""

    def _finish(self) -> None:
        self._timer.cancel()
        # Drop the listener, which refers back to this object, so that no reference cycle remains.
        on_done, self._on_done = self._on_done, None
        if on_done is None:
            return
        try:
            on_done()
        except Exception:  # the other requests of the batch must still be told
            logger.exception("a request could not be told of its end")

    def _time_out(self) -> None:
        self._error = DeadlineExceeded(TIME_RAN_OUT)
        self._finish()


class Engine(ABC):
    """Runs encodings of any servable."""

    @property
    @abstractmethod
    def clock(self) -> Clock: ...

    @abstractmethod
    def submit(
        self,
        servable: Servable,
        encodings: Sequence[Encoding],
        deadline: float,
        on_done: Callable[[], None],
        trace: bytes = b"",
    ) -> PendingRun:
        """Take the encodings of one request, which may share batches with others.

        The caller must close the returned run, however it ends.

        Args:
            deadline: on the engine's clock; past it the request ends with DeadlineExceeded.
            on_done: called once, on the event loop, when there is a result.
            trace: the request's place in its trace; empty if it is not traced.

        Raises:
            Overloaded, NotReady, DeadlineExceeded: nothing was taken.
        """

    @abstractmethod
    def submit_together(
        self, requests: Sequence[RunRequest], deadline: float, trace: bytes = b""
    ) -> Sequence[PendingRun]:
        """Take what one request wants of several servables: all of it or none, in one decision.

        All is queued at once, so executors run the servables side by side.

        Returns:
            A run for each, in order; the caller must close them all.

        Raises:
            Overloaded, NotReady, DeadlineExceeded: nothing was taken.
        """

    @property
    @abstractmethod
    def expected_wait_seconds(self) -> float:
        """How long a short request submitted now waits before it runs, as far as known here."""

    @abstractmethod
    def check_admission(self, deadline: float, cost_seconds: float) -> None:
        """Raise what `submit` would raise, before the request has cost anything.

        Args:
            cost_seconds: how much longer others will wait for it, as far as known.

        Raises:
            Overloaded, NotReady, DeadlineExceeded: for short texts with this deadline.
        """

    @abstractmethod
    def unready_reason(self) -> str | None:
        """Return why nothing can be run now, or None if it can."""
