"""The graphs of a bundle: one a precision, made and held against its gate."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from app.bundle import Precision
from export.checkpoint.load import Checkpoint
from export.errors import GateFailed
from export.graphs.convert import Graph, export_graph, fuse_graph, halve_graph
from export.parity.candidate import Attempt, Gate, Verified, best
from export.parity.tolerances import Tolerances
from export.progress import Progress
from export.reference.workload import Workload
from export.search.int8 import try_int8
from export.search.packed import try_packed

# Float graphs differ from the checkpoint by rounding alone, so some of the texts are enough; an
# int8 graph is run on every one.
FLOAT_TEXTS = 256
# A packed graph's reference is slower than a session; of fewer texts one on a border would decide.
PACKED_TEXTS = 200


@dataclass(frozen=True, slots=True)
class GraphMaker:
    """Makes and verifies one graph a precision, and of fp16 a packed one where that can be."""

    checkpoint: Checkpoint
    workload: Workload = field(repr=False)
    tolerances: Tolerances
    opset: int | None
    progress: Progress
    scratch: Path

    def make_all(self, precisions: Sequence[Precision]) -> Verified:
        """Return a graph for each precision; raise GateFailed where none passes.

        A packed graph that cannot be made, or misses its gate, is left out: the padded one serves.
        """
        with self.progress.step("convert to ONNX"):
            source = export_graph(self.checkpoint, self.scratch, self.opset)
        with self.progress.step("fuse"):
            fused = fuse_graph(self.checkpoint, source, self.scratch / "fp32.onnx")
            self.progress.found(fused.recipe)
        padded = tuple(self._make(precision, source, fused) for precision in precisions)
        if "fp16" not in precisions:
            return Verified(padded)
        packed, reason = try_packed(
            self._gate("fp16", PACKED_TEXTS), self.scratch / "fp16-packed.onnx"
        )
        return Verified(padded, packed, reason)

    def _make(self, precision: Precision, source: Path, fused: Graph) -> Attempt:
        gate = self._gate(precision, None if precision == "int8" else FLOAT_TEXTS)
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

    def _gate(self, precision: Precision, texts: int | None) -> Gate:
        workload = self.workload if texts is None else self.workload.sample(texts)
        return Gate(self.checkpoint, workload, self.tolerances[precision], self.progress)


def _gate_failed(precision: Precision, attempts: Sequence[Attempt]) -> GateFailed:
    tolerance = attempts[0].tolerance
    missed = (f"{one.graph.recipe}: {', '.join(one.problems)}" for one in attempts)
    return GateFailed(
        f"{precision} misses its gate ({tolerance}): {' | '.join(missed)}; nothing was written. "
        f"Leave out --precision {precision}, or accept more with --tolerance {precision}.FIGURE=N"
    )
