"""Find the graphs of a bundle: for each precision, take the best candidate that passes."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from app.bundle.base import Precision
from export.checkpoint.load import Checkpoint
from export.errors import GateFailed, PackingRefused
from export.graphs.convert import Graph, export_graph, fuse_graph, halve_graph
from export.graphs.packed.build import build_packed
from export.parity.candidate import Candidate, MissedGate, VerifiedGraphs, Verifier, best
from export.parity.tolerances import Tolerances
from export.progress import Progress
from export.reference.workload import Workload
from export.search.int8 import try_int8

# fp32 and fp16 graphs differ from the checkpoint by rounding alone, so some of the texts are
# enough; an int8 graph runs on every one.
FLOAT_TEXTS = 256
REMEDY = (
    "Choose others with --precision, or accept more with --tolerance PRECISION.agreement=SHARE or "
    "PRECISION.metric_loss=SHARE"
)
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

    def find_graphs(self, precisions: Sequence[Precision], *, packed: bool) -> VerifiedGraphs:
        """Return a graph for each precision that has one that passes, and name the others.

        Args:
            packed: make the packed graph too, with fp16. If it cannot be built or misses its gate
                it is left out: the padded one serves.

        Raises:
            GateFailed: no graph passes.
        """
        with self.progress.step("convert to ONNX"):
            source = export_graph(self.checkpoint, self.scratch, self.opset)
        with self.progress.step("fuse"):
            fused = fuse_graph(self.checkpoint, source, self.scratch / "fp32.onnx")
            self.progress.found(fused.recipe)
        seconds: dict[str, float] = {}
        found: list[Candidate | MissedGate] = []
        for precision in precisions:
            with _timed(seconds, precision):
                found.append(self._find(precision, source, fused))
        padded = tuple(one for one in found if isinstance(one, Candidate))
        missed = tuple(one for one in found if isinstance(one, MissedGate))
        if not padded:
            raise GateFailed(f"{'; '.join(map(str, missed))}; nothing was written. {REMEDY}")
        verified = VerifiedGraphs(padded, missed=missed)
        if packed and "fp16" in {one.graph.precision for one in padded}:
            with _timed(seconds, "packed"):
                verifier = self._verifier("fp16", PACKED_TEXTS)
                graph, reason = try_packed(verifier, self.scratch / "fp16-packed.onnx")
            verified = replace(verified, packed=graph, unpacked=reason)
        self.progress.line(f"          {show_times(seconds)}")
        return verified

    def _find(self, precision: Precision, source: Path, fused: Graph) -> Candidate | MissedGate:
        verifier = self._verifier(precision, None if precision == "int8" else FLOAT_TEXTS)
        try:
            candidates = self._try(verifier, precision, source, fused)
        except GateFailed as exc:
            return MissedGate(precision, str(exc))
        return best(candidates) or MissedGate.of(precision, candidates)

    def _try(
        self, verifier: Verifier, precision: Precision, source: Path, fused: Graph
    ) -> list[Candidate]:
        if precision == "int8":
            return try_int8(verifier, source, self.scratch)
        if precision == "fp16":
            halve = partial(halve_graph, fused, self.scratch / "fp16.onnx")
            return [verifier.verify("fp16", halve)]
        return [verifier.verify("fp32", lambda: fused)]

    def _verifier(self, precision: Precision, texts: int | None) -> Verifier:
        workload = self.workload if texts is None else self.workload.sample(texts)
        return Verifier(self.checkpoint, workload, self.tolerances[precision], self.progress)


def try_packed(verifier: Verifier, target: Path) -> tuple[Candidate | None, str]:
    """Return the packed graph that passes its gate, or None and why there is none."""
    build = partial(build_packed, verifier.checkpoint, target)
    try:
        candidate = verifier.verify("fp16 packed", build)
    except (PackingRefused, GateFailed) as exc:
        return None, str(exc)
    problems = candidate.problems
    if not candidate.measured.batch_invariant:
        problems.append("answers depend on their neighbours")
    if problems:
        return None, f"misses its gate ({candidate.tolerance}): {', '.join(problems)}"
    return candidate, ""


def explain_missed(verified: VerifiedGraphs, target: Path) -> str:
    """Return which precisions are missing in the bundle that was written, and what would help."""
    missed = "; ".join(map(str, verified.missed))
    written = ", ".join(one.graph.precision for one in verified.padded)
    return f"{missed}; wrote {target} with {written} alone. {REMEDY}"


@contextmanager
def _timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    seconds[name] = time.perf_counter() - started


def show_times(seconds: Mapping[str, float]) -> str:
    """Return what each precision took, and how to do without the packed graph."""
    parts = [f"{name} {taken:.0f} s" for name, taken in seconds.items()]
    skip = "; --for cpu makes neither fp16 nor packed" if "packed" in seconds else ""
    return f"took: {', '.join(parts)}{skip}"
