"""Export a checkpoint as a bundle, one step after the other."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from app.bundle.base import AggregationStrategy, Precision
from export.bundle.manifest import describe_bundle
from export.bundle.package import choose_version, staging, write_bundle
from export.checkpoint.load import (
    AS_IT_LIES,
    Checkpoint,
    CheckpointOptions,
    limit_length,
    load_checkpoint,
)
from export.errors import GateFailed
from export.options import Machines
from export.parity.tolerances import Tolerances, warn_coarse
from export.progress import Progress
from export.reference.evaluation import evaluate, headline
from export.reference.examples import Example, read_examples
from export.reference.notices import notices
from export.reference.workload import Workload, prepare_workload
from export.report.diagram import DIAGRAM, draw_reliability
from export.report.report import write_report
from export.scores.aggregation import choose_strategy, measure_strategies, usual_strategy
from export.scores.scoring import Scoring, check_tunable, fit_scoring
from export.search.precisions import PrecisionSearch, explain_missed
from offline.readers.layout import Layout


@dataclass(frozen=True, slots=True)
class Request:
    """The options of an export.

    Attributes:
        layout: how the evaluation file is read.
        machines: where the bundle is going to run; the packed graph is for CUDA alone.
        max_length: the most tokens to serve, if fewer than the checkpoint reads.
        options: what is said of the checkpoint beside its folder.
        aggregation: the default strategy for entities; None for the one with the best F1.
        calibrate: fit a temperature if there are labelled examples.
        tune_thresholds: fit a threshold for each label of a multi-label model.
    """

    checkpoint: Path
    name: str
    store: Path
    precisions: tuple[Precision, ...]
    tolerances: Tolerances
    evaluation: Path | None = None
    version: int | None = None
    max_length: int | None = None
    opset: int | None = None
    options: CheckpointOptions = AS_IT_LIES
    aggregation: AggregationStrategy | None = None
    calibrate: bool = True
    tune_thresholds: bool = False
    machines: Machines = "both"
    layout: Layout = Layout()


def export_bundle(request: Request, progress: Progress) -> Path:
    """Export, verify and package a checkpoint; return the folder of the new version.

    Raises:
        ExportError: the checkpoint, the evaluation file or the store cannot be used.
        GateFailed: a precision differs from the checkpoint by more than its tolerance. The others
            are written all the same; the message says which, or that there are none.
    """
    version = choose_version(request.store, request.name, request.version)
    with progress.step("load the checkpoint"):
        checkpoint = limit_length(
            load_checkpoint(request.checkpoint, request.options), request.max_length
        )
        if request.tune_thresholds:
            check_tunable(checkpoint.config, evaluated=request.evaluation is not None)
        examples = _read_evaluation(request, checkpoint, progress)
        progress.found(_describe(checkpoint))
    with progress.step("answer with the checkpoint"):
        workload = _answer(request, checkpoint, examples)
        expected = evaluate(checkpoint.config, workload, workload.logits)
        progress.found(_show_metrics(checkpoint, workload, expected))
    warnings = _warn(request, checkpoint, workload, progress)
    scoring = _fit_scoring(request, checkpoint, workload, progress)
    with TemporaryDirectory(prefix="classmark-export-") as scratch:
        search = PrecisionSearch(
            checkpoint, workload, request.tolerances, request.opset, progress, Path(scratch)
        )
        verified = search.find_graphs(request.precisions, packed=request.machines != "cpu")
        with progress.step("package"), staging(request.store, request.name, version) as folder:
            manifest = describe_bundle(
                checkpoint, (request.name, version), workload, expected, verified, scoring, folder
            )
            report = write_report(manifest, verified, scoring, warnings)
            if scoring.fit is not None:
                draw_reliability(scoring.fit, folder / DIAGRAM)
            target = request.store / request.name / str(version)
            write_bundle(folder, target, manifest, report)
            progress.found(str(target))
    if verified.missed:
        raise GateFailed(explain_missed(verified, target))
    return target


def _warn(
    request: Request, checkpoint: Checkpoint, workload: Workload, progress: Progress
) -> tuple[str, ...]:
    """Show and return what no comparison with the checkpoint can notice."""
    coarse = warn_coarse(request.precisions, request.tolerances, len(workload.examples))
    warnings = (*notices(checkpoint, workload), *coarse)
    for warning in warnings:
        progress.line(f"warning: {warning}")
    return warnings


def _read_evaluation(request: Request, checkpoint: Checkpoint, progress: Progress) -> list[Example]:
    if request.evaluation is None:
        return []
    return read_examples(request.evaluation, checkpoint.config, progress.line, request.layout)


def _answer(request: Request, checkpoint: Checkpoint, examples: list[Example]) -> Workload:
    """Let the checkpoint answer, and choose the strategy that reads its entities."""
    workload = prepare_workload(checkpoint, examples)
    if checkpoint.config.task != "token-classification":
        return workload
    measured = measure_strategies(checkpoint.config, workload)
    strategy = request.aggregation or choose_strategy(measured, usual_strategy(checkpoint))
    return dataclasses.replace(workload, strategy=strategy)


def _fit_scoring(
    request: Request, checkpoint: Checkpoint, workload: Workload, progress: Progress
) -> Scoring:
    if not workload.examples or not (request.calibrate or request.tune_thresholds):
        return Scoring()
    with progress.step("calibrate" if request.calibrate else "tune thresholds"):
        scoring = fit_scoring(
            checkpoint.config,
            workload,
            calibrated=request.calibrate,
            tuned=request.tune_thresholds,
        )
        progress.found(str(scoring))
    return scoring


def _describe(checkpoint: Checkpoint) -> str:
    config, tokenizer = checkpoint.config, Path(checkpoint.tokenizer.name_or_path)
    elsewhere = f", tokenizer of {tokenizer}" if tokenizer != checkpoint.path else ""
    merged = f", merged into {checkpoint.base}" if checkpoint.base else ""
    return (
        f"{config.architecture}{merged}, {checkpoint.parameters / 1e6:.1f} M parameters, "
        f"{len(config.labels)} labels, {checkpoint.max_length} tokens{elsewhere}"
    )


def _show_metrics(checkpoint: Checkpoint, workload: Workload, metrics: dict[str, float]) -> str:
    name = headline(checkpoint.config)
    shown = [f"{len(workload.inputs)} texts"]
    if metrics:
        shown.append(f"{name} {metrics[name]:.4f}")
    if checkpoint.config.task == "token-classification":
        shown.append(f"entities by strategy {workload.strategy}")
    return ", ".join(shown)
