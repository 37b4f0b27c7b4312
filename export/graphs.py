"""The graphs of a bundle: one a precision, made and held against its gate."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from app.bundle import Precision
from export.attempt import Attempt, Gate, best
from export.checkpoint import Checkpoint
from export.convert import Graph, export_graph, fuse_graph, halve_graph
from export.errors import GateFailed
from export.gates import Tolerances
from export.int8.choice import try_int8
from export.progress import Progress
from export.workload import Workload

# Float graphs differ from the checkpoint by rounding alone, so some of the texts are enough; an
# int8 graph is run on every one.
FLOAT_TEXTS = 256


@dataclass(frozen=True, slots=True)
class GraphMaker:
    """Makes and verifies one graph a precision."""

    checkpoint: Checkpoint
    workload: Workload = field(repr=False)
    tolerances: Tolerances
    opset: int | None
    progress: Progress
    scratch: Path

    def make_all(self, precisions: Sequence[Precision]) -> list[Attempt]:
        """Return a graph for each precision; raise GateFailed where none passes."""
        with self.progress.step("convert to ONNX"):
            source = export_graph(self.checkpoint, self.scratch, self.opset)
        with self.progress.step("fuse"):
            fused = fuse_graph(self.checkpoint, source, self.scratch / "fp32.onnx")
            self.progress.found(fused.recipe)
        return [self._make(precision, source, fused) for precision in precisions]

    def _make(self, precision: Precision, source: Path, fused: Graph) -> Attempt:
        workload = self.workload if precision == "int8" else self.workload.sample(FLOAT_TEXTS)
        gate = Gate(self.checkpoint, workload, self.tolerances[precision], self.progress)
        if precision == "int8":
            attempts = try_int8(gate, source, self.scratch)
        elif precision == "fp16":
            halve = partial(halve_graph, fused, self.scratch / "fp16.onnx")
            attempts = [gate.try_graph("fp16", halve)]
        else:
            attempts = [gate.try_graph("fp32", lambda: fused)]
        chosen = best(attempts)
        if chosen is None:
            raise _gate_failed(precision, attempts)
        return chosen


def _gate_failed(precision: Precision, attempts: Sequence[Attempt]) -> GateFailed:
    tolerance = attempts[0].tolerance
    missed = (f"{one.graph.recipe}: {', '.join(one.problems)}" for one in attempts)
    return GateFailed(
        f"{precision} misses its gate ({tolerance}): {' | '.join(missed)}; nothing was written. "
        f"Leave out --precision {precision}, or accept more with --tolerance {precision}.FIGURE=N"
    )
