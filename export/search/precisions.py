"""Find the graphs of a bundle: for each precision, take the best candidate that passes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from app.bundle import Precision
from export.checkpoint.load import Checkpoint
from export.errors import GateFailed, PackingRefused
from export.graphs.convert import Graph, export_graph, fuse_graph, halve_graph
from export.graphs.packed.build import build_packed
from export.parity.candidate import Candidate, VerifiedGraphs, Verifier, best
from export.parity.tolerances import Tolerances
from export.progress import Progress
from export.reference.workload import Workload
from export.search.int8 import try_int8

# fp32 and fp16 graphs differ from the checkpoint by rounding alone, so some of the texts are
# enough; an int8 graph runs on every one.
FLOAT_TEXTS = 256
# The reference of a packed graph is slower than a session; with fewer texts a single one on a
# border would decide.
PACKED_TEXTS = 200


@dataclass(frozen=True, slots=True)
class PrecisionSearch:
    """Finds one graph a precision, and a packed one beside fp16 if the checkpoint allows it."""

    checkpoint: Checkpoint
    workload: Workload = field(repr=False)
    tolerances: Tolerances
    opset: int | None
    progress: Progress
    scratch: Path

    def find_graphs(self, precisions: Sequence[Precision]) -> VerifiedGraphs:
        """Return a graph for each precision; raise GateFailed if one has none that passes.

        A packed graph that cannot be built or misses its gate is left out: the padded one serves.
        """
        with self.progress.step("convert to ONNX"):
            source = export_graph(self.checkpoint, self.scratch, self.opset)
        with self.progress.step("fuse"):
            fused = fuse_graph(self.checkpoint, source, self.scratch / "fp32.onnx")
            self.progress.found(fused.recipe)
        padded = tuple(self._find(precision, source, fused) for precision in precisions)
        if "fp16" not in precisions:
            return VerifiedGraphs(padded)
        verifier = self._verifier("fp16", PACKED_TEXTS)
        packed, reason = try_packed(verifier, self.scratch / "fp16-packed.onnx")
        return VerifiedGraphs(padded, packed, reason)

    def _find(self, precision: Precision, source: Path, fused: Graph) -> Candidate:
        verifier = self._verifier(precision, None if precision == "int8" else FLOAT_TEXTS)
        if precision == "int8":
            candidates = try_int8(verifier, source, self.scratch)
        elif precision == "fp16":
            halve = partial(halve_graph, fused, self.scratch / "fp16.onnx")
            candidates = [verifier.verify("fp16", halve)]
        else:
            candidates = [verifier.verify("fp32", lambda: fused)]
        chosen = best(candidates)
        if chosen is None:
            raise _gate_failed(precision, candidates)
        return chosen

    def _verifier(self, precision: Precision, texts: int | None) -> Verifier:
        workload = self.workload if texts is None else self.workload.sample(texts)
        return Verifier(self.checkpoint, workload, self.tolerances[precision], self.progress)


def try_packed(verifier: Verifier, target: Path) -> tuple[Candidate | None, str]:
    """Return the packed graph that passes its gate, or None and why there is none."""
    build = partial(build_packed, verifier.checkpoint, target)
    try:
        candidate = verifier.verify("fp16 packed", build)
    except PackingRefused as exc:
        return None, str(exc)
    problems = list(candidate.problems)
    if not candidate.measured.batch_invariant:
        problems.append("answers depend on their neighbours")
    if problems:
        return None, f"misses its gate ({candidate.tolerance}): {', '.join(problems)}"
    return candidate, ""


def _gate_failed(precision: Precision, candidates: Sequence[Candidate]) -> GateFailed:
    tolerance = candidates[0].tolerance
    missed = (f"{one.graph.recipe}: {', '.join(one.problems)}" for one in candidates)
    return GateFailed(
        f"{precision} misses its gate ({tolerance}): {' | '.join(missed)}; nothing was written. "
        f"Leave out --precision {precision}, or accept more with --tolerance {precision}.FIGURE=N"
    )
