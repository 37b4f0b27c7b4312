"""An entry of the queue, and the batch that it runs in."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from app.engine.batching.cost_model import Cost
from app.engine.text.encoding import Encoding, Logits
from app.errors import ClassmarkError
from app.telemetry.series import ModelLabels

Outcome = Logits | ClassmarkError


class Runnable(Protocol):
    """The part of a servable that the scheduler uses."""

    @property
    def name(self) -> str: ...

    @property
    def metric_labels(self) -> ModelLabels: ...

    @property
    def cost(self) -> Cost: ...

    @property
    def batch_invariant(self) -> bool: ...

    def run(self, encodings: Sequence[Encoding]) -> list[Logits]: ...


class Entry:
    """One queued encoding, which ends exactly once: result, error, expired or cancelled.

    Attributes:
        trace: the request's place in its trace, for who traces batches; empty if it is not traced.
        batch_trace: the place of the batch it ran in, from who traces batches.
    """

    __slots__ = (
        "_on_end", "batch_trace", "deadline", "encoding", "ended_at", "long", "outcome",
        "seconds_alone", "servable", "started_at", "submitted_at", "tokens", "trace",
    )  # fmt: skip

    def __init__(
        self,
        servable: Runnable,
        encoding: Encoding,
        deadline: float,
        on_end: Callable[["Entry"], None],
        trace: bytes = b"",
    ) -> None:
        self.servable = servable
        self.encoding = encoding
        self.deadline = deadline
        self.tokens = encoding.tokens
        # Its cost in a batch of its own.
        self.seconds_alone = servable.cost.seconds(self.tokens)
        # A long entry always runs alone: it is over the budget of a batch.
        self.long = servable.cost.is_long(self.tokens)
        self.outcome: Outcome | None = None
        self.submitted_at = self.started_at = self.ended_at = 0.0
        self._on_end = on_end
        self.trace = trace
        self.batch_trace = b""

    def end(self, outcome: Outcome, now: float) -> None:
        """Settle the entry; change nothing if it has ended already."""
        if self.outcome is not None:
            return
        self.outcome, self.ended_at = outcome, now
        # Drop the listener, which refers back to the entry, so that no reference cycle remains.
        on_end, self._on_end = self._on_end, _nobody
        on_end(self)


def _nobody(entry: Entry) -> None:
    """Ignore an end that was reported already."""


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Entries of one servable that run together, and the expired ones found while sealing."""

    servable: Runnable
    entries: tuple[Entry, ...]
    expired: tuple[Entry, ...]
    sealed_at: float

    @property
    def long(self) -> bool:
        return any(entry.long for entry in self.entries)

    @property
    def seconds_alone(self) -> float:
        """The cost of the entries, each in a batch of its own."""
        return sum(entry.seconds_alone for entry in self.entries)

    @property
    def real_tokens(self) -> int:
        return sum(entry.tokens for entry in self.entries)

    @property
    def padded_tokens(self) -> int:
        return self.servable.cost.padded_tokens([entry.tokens for entry in self.entries])
