"""Defines the steps of a job, as a request takes them: for one model, or for several."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from app.api.inference.writer import Written
from app.engine.interface import Engine, RunResult
from app.telemetry.series import ModelLabels


class ModelRun(NamedTuple):
    """What one model ran of a request.

    Attributes:
        tokens: that it was given.
    """

    labels: ModelLabels
    tokens: int
    run: RunResult


class Pending(Protocol):
    """What was submitted to the engine."""

    def result(self) -> Any:
        """Return what `Job.decode` takes; raise an error that concerns the whole request."""
        ...

    def close(self) -> None:
        """Stop waiting, and drop what is still queued."""
        ...


class Job(Protocol):
    """The inputs of one request on their way to an answer.

    Its steps in their order: `look_up`, then, if anything is missing, `encode`, `submit` and
    `decode`, again as long as `go_on` finds another slice of the inputs; then `write`; last `end`.
    `encode` and `decode` may run on any thread, one at a time; all else on the event loop.
    """

    @property
    def cost_seconds(self) -> float:
        """How much longer others waited for it; nothing where the cache answered."""
        ...

    @property
    def metric_labels(self) -> ModelLabels:
        """Model that the request is counted for; nothing where it asks several."""
        ...

    @property
    def waits_for_room(self) -> bool:
        """Whether a full queue puts off its slice, and does not refuse it."""
        ...

    @property
    def is_answered(self) -> bool:
        """Whether every input of this slice has its result, or its error."""
        ...

    @property
    def is_encoded(self) -> bool:
        """Whether this slice waits for its run alone."""
        ...

    @property
    def characters(self) -> int:
        """What is to be encoded now."""
        ...

    @property
    def encodes_quickly(self) -> bool:
        """Whether `encode` may run on the event loop without holding up other requests."""
        ...

    @property
    def tokens(self) -> int:
        """What is to be decoded."""
        ...

    @property
    def decodes_quickly(self) -> bool:
        """Whether `decode` may run on the event loop without holding up other requests."""
        ...

    @property
    def stages(self) -> Mapping[str, float]:
        """Seconds that the request spent in each."""
        ...

    def look_up(self) -> None:
        """Take the results that the cache has, and begin with the first slice of the others."""
        ...

    def encode(self) -> None:
        """Encode the inputs that have no result; stop early once the job is abandoned.

        Raises:
            InvalidRequest: an input that cannot be encoded, unless errors are reported apart.
        """
        ...

    def submit(
        self, engine: Engine, deadline: float, on_done: Callable[[], None], trace: bytes
    ) -> Pending:
        """Submit what is encoded; raise what `Engine.submit` raises."""
        ...

    def runs_of(self, run: Any) -> Sequence[ModelRun]:
        """Return what each model ran of what was submitted."""
        ...

    def decode(self, run: Any) -> None:
        """Read the logits of what was submitted.

        Raises:
            InferenceFailed: a model failed on an input, unless errors are reported apart.
        """
        ...

    def go_on(self) -> bool:
        """Keep what was answered; return whether another slice is to be encoded."""
        ...

    def write(self) -> Written:
        """Return the answer in the words of the API that was asked."""
        ...

    def end(self) -> None:
        """Count what was read and answered, time the stages; the answer need not wait for that."""
        ...

    def abandon(self) -> None:
        """Note that nobody waits for it any more."""
        ...


def format_timing(stages: Mapping[str, float]) -> str:
    """Return a request's stages as the header Server-Timing has them."""
    shown = [f"{stage};dur={seconds * 1000:.2f}" for stage, seconds in stages.items()]
    return ", ".join(shown) or "cache;dur=0"
