"""Verify candidate graphs: measure each, hold it to its tolerance, choose the best that passes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from app.bundle.base import Precision
from export.checkpoint.load import Checkpoint
from export.graphs.convert import Graph
from export.parity.measure import Measurement, measure
from export.parity.tolerances import Tolerance
from export.parity.verdict import Verdict, judge
from export.progress import Progress
from export.reference.workload import Workload


@dataclass(frozen=True, slots=True)
class Candidate:
    """A graph with its figures and the tolerance that they must meet.

    Attributes:
        title: what was tried, in a few words.
        note: for the report: how the graph came about, if there is something to say.
    """

    graph: Graph
    measured: Measurement
    tolerance: Tolerance
    title: str = ""
    note: str = ""

    @property
    def verdict(self) -> Verdict:
        """The figures outside their limits; the gate is passed if chance explains them all."""
        measured = self.measured
        return judge(self.tolerance, measured.labels, measured.metric_loss, measured.chance)

    @property
    def problems(self) -> list[str]:
        """Name each figure that misses its limit; empty if the gate is passed."""
        return list(self.verdict.problems)

    @property
    def speed(self) -> float | None:
        """Texts per second; None for a packed graph, whose reference says nothing about CUDA."""
        return None if self.graph.kind == "packed" else self.measured.texts_per_second

    def __str__(self) -> str:
        parity = self.measured.parity
        figures = [
            f"{parity.inputs} texts",
            f"agreement {parity.agreement:.4f}",
            f"score difference {parity.max_score_difference:.4f}",
            *([] if self.speed is None else [f"{self.speed:.0f} texts/s"]),
            "batch-invariant" if self.measured.batch_invariant else "NOT batch-invariant",
        ]
        verdict = self.verdict
        return "; ".join([", ".join(figures), *verdict.problems, *verdict.undecided])


@dataclass(frozen=True, slots=True)
class MissedGate:
    """A precision of which no graph passes, with the reason."""

    precision: Precision
    reason: str

    @classmethod
    def of(cls, precision: Precision, tried: Sequence[Candidate]) -> "MissedGate":
        """Explain the try that agrees with the checkpoint best; the report of a run has each."""
        best = max(tried, key=lambda one: one.measured.labels.share)
        others = f", best of {len(tried)} tries" if len(tried) > 1 else ""
        return cls(precision, f"{best.title}{others}: {', '.join(best.problems)}")

    def __str__(self) -> str:
        return f"{self.precision} misses its gate ({self.reason})"


@dataclass(frozen=True, slots=True)
class VerifiedGraphs:
    """The graphs of a bundle, each of which passed its gate.

    Attributes:
        padded: one a precision.
        packed: fp16 without padding, for CUDA.
        unpacked: why there is no packed graph, if one was asked for.
        missed: the precisions of which no graph passes.
    """

    padded: tuple[Candidate, ...]
    packed: Candidate | None = None
    unpacked: str = ""
    missed: tuple[MissedGate, ...] = ()

    @property
    def all(self) -> tuple[Candidate, ...]:
        return (*self.padded, self.packed) if self.packed else self.padded


@dataclass(frozen=True, slots=True)
class Verifier:
    """Measures graphs of one checkpoint on the same texts, with the same tolerance."""

    checkpoint: Checkpoint
    workload: Workload = field(repr=False)
    tolerance: Tolerance
    progress: Progress

    def verify(self, title: str, make: Callable[[], Graph], note: str = "") -> Candidate:
        """Make a graph and measure it; the line of the step shows the figures."""
        with self.progress.step(f"{title}: make and verify"):
            graph = make()
            measured = measure(self.checkpoint, graph, self.workload)
            candidate = Candidate(graph, measured, self.tolerance, title, note)
            self.progress.found(str(candidate))
        return candidate


def best(candidates: Sequence[Candidate]) -> Candidate | None:
    """Return the fastest that passes its gate, or None; batch-invariant graphs come first.

    A graph that is not batch-invariant is taken only if no other passes. The service runs it one
    text at a time, so its answers are independent of other texts too.
    """
    passing = [one for one in candidates if not one.problems]
    invariant = [one for one in passing if one.measured.batch_invariant]
    return max(invariant or passing, key=lambda one: one.measured.texts_per_second, default=None)
