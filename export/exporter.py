"""The way from a checkpoint to a bundle, one step after the other."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from app.bundle import Precision
from export.checkpoint import Checkpoint, load_checkpoint
from export.convert import Graph, export_graph, fuse_graph, halve_graph
from export.errors import GateFailed
from export.evaluation import evaluate, headline
from export.examples import Example, read_examples
from export.gates import Tolerance, Tolerances, failures
from export.manifest import Verified, describe_bundle
from export.package import choose_version, staging, write_bundle
from export.progress import Progress
from export.quantize import LADDER, quantize_graph
from export.report import write_report
from export.verify import Measurement, measure
from export.workload import Workload, prepare_workload

# Float graphs differ from the checkpoint by rounding alone, so some of the texts are enough; an
# int8 graph is run on every one.
FLOAT_TEXTS = 256


@dataclass(frozen=True, slots=True)
class Request:
    """What the user asked for."""

    checkpoint: Path
    name: str
    store: Path
    precisions: tuple[Precision, ...]
    tolerances: Tolerances
    evaluation: Path | None = None
    version: int | None = None
    opset: int | None = None


def export_bundle(request: Request, progress: Progress) -> Path:
    """Export, verify and package a checkpoint; return the folder of the new version.

    Raises:
        ExportError: the checkpoint, the evaluation file or the store is not fit.
        GateFailed: a graph differs from the checkpoint by more than its tolerance.
    """
    version = choose_version(request.store, request.name, request.version)
    with progress.step("load the checkpoint"):
        checkpoint = load_checkpoint(request.checkpoint)
        examples = _read_evaluation(request, checkpoint)
        progress.found(_describe(checkpoint))
    with progress.step("answer with the checkpoint"):
        workload = prepare_workload(checkpoint, examples)
        expected = evaluate(checkpoint.config, workload, workload.logits)
        progress.found(_show_metrics(checkpoint, workload, expected))
    with TemporaryDirectory(prefix="classmark-export-") as scratch:
        maker = _GraphMaker(request, checkpoint, workload, progress, Path(scratch))
        verified = maker.make_all()
        with progress.step("package"), staging(request.store, request.name, version) as folder:
            manifest = describe_bundle(
                checkpoint, (request.name, version), workload, expected, verified, folder
            )
            report = write_report(manifest, verified, request.tolerances)
            target = request.store / request.name / str(version)
            write_bundle(folder, target, manifest, report)
            progress.found(str(target))
    return target


@dataclass(frozen=True, slots=True)
class _GraphMaker:
    """Makes and verifies one graph a precision."""

    request: Request
    checkpoint: Checkpoint
    workload: Workload
    progress: Progress
    scratch: Path

    def make_all(self) -> list[Verified]:
        with self.progress.step("convert to ONNX"):
            source = export_graph(self.checkpoint, self.scratch, self.request.opset)
        with self.progress.step("fuse"):
            fused = fuse_graph(self.checkpoint, source, self.scratch / "fp32.onnx")
            self.progress.found(fused.recipe)
        return [
            self._first_that_passes(precision, self._candidates(precision, source, fused))
            for precision in self.request.precisions
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
        tolerance = self.request.tolerances[precision]
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


def _read_evaluation(request: Request, checkpoint: Checkpoint) -> list[Example]:
    if request.evaluation is None:
        return []
    return read_examples(request.evaluation, checkpoint.config)


def _describe(checkpoint: Checkpoint) -> str:
    config = checkpoint.config
    return (
        f"{config.architecture}, {checkpoint.parameters / 1e6:.1f} M parameters, "
        f"{len(config.labels)} labels, {checkpoint.max_length} tokens"
    )


def _show_metrics(checkpoint: Checkpoint, workload: Workload, metrics: dict[str, float]) -> str:
    inputs = f"{len(workload.inputs)} texts"
    name = headline(checkpoint.config)
    return f"{inputs}, {name} {metrics[name]:.4f}" if metrics else inputs
