"""The graphs of a bundle: one a precision, made and held against its gate."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from app.bundle import Precision
from export.checkpoint import Checkpoint
from export.convert import Graph, export_graph, fuse_graph, halve_graph
from export.errors import GateFailed
from export.gates import Tolerance, Tolerances, failures
from export.int8.quantize import LADDER, quantize_graph
from export.manifest import Verified
from export.progress import Progress
from export.verify import Measurement, measure
from export.workload import Workload

# Float graphs differ from the checkpoint by rounding alone, so some of the texts are enough; an
# int8 graph is run on every one.
FLOAT_TEXTS = 256


@dataclass(frozen=True, slots=True)
class GraphMaker:
    """Makes and verifies one graph a precision."""

    checkpoint: Checkpoint
    workload: Workload
    tolerances: Tolerances
    opset: int | None
    progress: Progress
    scratch: Path

    def make_all(self, precisions: Sequence[Precision]) -> list[Verified]:
        with self.progress.step("convert to ONNX"):
            source = export_graph(self.checkpoint, self.scratch, self.opset)
        with self.progress.step("fuse"):
            fused = fuse_graph(self.checkpoint, source, self.scratch / "fp32.onnx")
            self.progress.found(fused.recipe)
        return [
            self._first_that_passes(precision, self._candidates(precision, source, fused))
            for precision in precisions
        ]

    def _candidates(
        self, precision: Precision, source: Path, fused: Graph
    ) -> list[Callable[[], Graph]]:
        if precision == "fp32":
            return [lambda: fused]
        if precision == "fp16":
            return [partial(halve_graph, fused, self.scratch / "fp16.onnx")]
        return [
            partial(quantize_graph, self.checkpoint, source, self.scratch, recipe)
            for recipe in LADDER
        ]

    def _first_that_passes(
        self, precision: Precision, candidates: Iterable[Callable[[], Graph]]
    ) -> Verified:
        tolerance = self.tolerances[precision]
        workload = self.workload if precision == "int8" else self.workload.sample(FLOAT_TEXTS)
        missed = []
        for make in candidates:
            with self.progress.step(f"{precision}: make and verify"):
                graph = make()
                measured = measure(self.checkpoint, graph, workload)
                problems = failures(measured, tolerance)
                self.progress.found(show_measurement(measured, problems))
            if not problems:
                return Verified(graph, measured)
            missed.append(f"{graph.recipe}: {', '.join(problems)}")
        raise _gate_failed(precision, tolerance, missed)


def show_measurement(measured: Measurement, problems: Iterable[str]) -> str:
    """Return the figures of a graph in one line."""
    parity = measured.parity
    figures = (
        f"{parity.inputs} texts, agreement {parity.agreement:.4f}, "
        f"score difference {parity.max_score_difference:.4f}, "
        f"{measured.texts_per_second:.0f} texts/s, "
        f"{'batch-invariant' if measured.batch_invariant else 'NOT batch-invariant'}"
    )
    return "; ".join([figures, *problems])


def _gate_failed(precision: Precision, tolerance: Tolerance, missed: list[str]) -> GateFailed:
    return GateFailed(
        f"{precision} misses its gate ({tolerance}): {' | '.join(missed)}; nothing was written. "
        f"Leave out --precision {precision}, or accept more with --tolerance {precision}.FIGURE=N"
    )
