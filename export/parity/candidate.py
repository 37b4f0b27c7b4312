"""A graph that was made and measured, and whether it passes its gate."""

from collections.abc import Callable
from dataclasses import dataclass, field

from export.checkpoint.load import Checkpoint
from export.graphs.convert import Graph
from export.parity.measure import Measurement, measure
from export.parity.tolerances import Tolerance, failures
from export.progress import Progress
from export.reference.workload import Workload


@dataclass(frozen=True, slots=True)
class Attempt:
    """A graph with its figures and the limits they are held against.

    Attributes:
        note: what the report says of how the graph came about, where there is something to say.
    """

    graph: Graph
    measured: Measurement
    tolerance: Tolerance
    note: str = ""

    @property
    def problems(self) -> list[str]:
        """Name each figure that misses its limit; empty when the gate is passed."""
        return failures(self.measured, self.tolerance)

    @property
    def speed(self) -> float | None:
        """Texts per second; None where a reference was timed and not what will run the graph."""
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
        return "; ".join([", ".join(figures), *self.problems])


@dataclass(frozen=True, slots=True)
class Verified:
    """The graphs of a bundle, each of which passed its gate.

    Attributes:
        padded: one a precision.
        packed: fp16 without padding, for CUDA.
        unpacked: why there is no packed graph, where fp16 was asked for.
    """

    padded: tuple[Attempt, ...]
    packed: Attempt | None = None
    unpacked: str = ""

    @property
    def all(self) -> tuple[Attempt, ...]:
        return (*self.padded, self.packed) if self.packed else self.padded


@dataclass(frozen=True, slots=True)
class Gate:
    """Measures graphs of one checkpoint on the same texts, against the same limits."""

    checkpoint: Checkpoint
    workload: Workload = field(repr=False)
    tolerance: Tolerance
    progress: Progress

    def try_graph(self, title: str, make: Callable[[], Graph], note: str = "") -> Attempt:
        """Make a graph and measure it; the step's line says what was found."""
        with self.progress.step(f"{title}: make and verify"):
            graph = make()
            measured = measure(self.checkpoint, graph, self.workload)
            attempt = Attempt(graph, measured, self.tolerance, note)
            self.progress.found(str(attempt))
        return attempt


def best(attempts: list[Attempt]) -> Attempt | None:
    """Return the fastest that passes, or None.

    Batch invariance is a gate of its own, which only yields where nothing gets through it: such a
    graph is run one text at a time, so its answers do not depend on their neighbours either.
    """
    passing = [attempt for attempt in attempts if not attempt.problems]
    invariant = [attempt for attempt in passing if attempt.measured.batch_invariant]
    return max(invariant or passing, key=lambda one: one.measured.texts_per_second, default=None)
