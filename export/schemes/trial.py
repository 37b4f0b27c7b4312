"""A checkpoint with every graph that can be made of it, measured; what fails has its reason."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from app.bundle import Precision
from app.engine.backends.onnxruntime import OnnxSession
from export.checkpoint.load import Checkpoint, load_checkpoint
from export.graphs.convert import Graph, export_graph, fuse_graph, halve_graph
from export.graphs.int8.quantization_input import Base
from export.graphs.int8.quantize import Quantizer
from export.int8.schemes import SCHEMES
from export.parity.candidate import Attempt
from export.parity.invariance import PROVIDER
from export.parity.measure import measure
from export.parity.tolerances import TOLERANCES
from export.progress import Progress
from export.reference.examples import read_examples
from export.reference.workload import Workload, prepare_workload
from export.schemes.pace import choose_texts, race
from export.schemes.results import ModelTrials, Trial
from export.search.calibration_split import split_workload
from export.search.precisions import FLOAT_TEXTS

EVALUATION = "eval.jsonl"
LONGEST_REASON = 240

Make = Callable[[], Graph]


def try_model(path: Path, texts: int | None, folder: Path, progress: Progress) -> ModelTrials:
    """Make and measure every graph of a checkpoint.

    Args:
        path: a checkpoint folder, with labelled texts in its eval.jsonl if it has any.
        texts: on which int8 is measured, with a few more; None for all.
        folder: where graphs are written.

    Raises:
        ExportError: the checkpoint cannot be exported, or its labelled texts cannot be used.
    """
    with progress.step(f"{path.name}: load and convert"):
        checkpoint = load_checkpoint(path)
        labelled = path / EVALUATION
        examples = read_examples(labelled, checkpoint.config) if labelled.exists() else []
        calibration, workload = split_workload(prepare_workload(checkpoint, examples))
        workload = workload if texts is None else workload.sample(texts)
        source = export_graph(checkpoint, folder, None)
        fused = fuse_graph(checkpoint, source, folder / "fp32.onnx")
        quantizer = Quantizer.prepare(checkpoint, source, folder)
        base = Base.prepare(quantizer, calibration, checkpoint.pad_token_id)
    makers: list[tuple[str, Precision, Make]] = [
        ("fp32", "fp32", lambda: fused),
        ("fp16", "fp16", lambda: halve_graph(fused, folder / "fp16.onnx")),
        *((scheme.name, "int8", partial(scheme.make, base)) for scheme in SCHEMES),
    ]
    floats = workload.sample(FLOAT_TEXTS)
    trials = []
    for name, precision, make in makers:
        blank = Trial(name, precision)
        with progress.step(f"{path.name}: {blank.title}"):
            measured = workload if precision == "int8" else floats
            trials.append(_try_graph(checkpoint, blank, make, measured, folder))
            progress.found(str(trials[-1].attempt or trials[-1].reason))
    with progress.step(f"{path.name}: speed, in turns"):
        paced = _pace(checkpoint, trials, workload)
        progress.found(", ".join(f"{t.title} {t.pace.ratio:.2f}" for t in paced if t.pace))
    return ModelTrials(
        name=path.name,
        architecture=checkpoint.config.architecture,
        parameters=checkpoint.parameters,
        texts=len(workload.inputs),
        labelled=len(workload.examples),
        mean_tokens=sum(one.tokens for one in workload.encodings) / len(workload.inputs),
        calibration=len(calibration),
        trials=tuple(paced),
    )


def _try_graph(
    checkpoint: Checkpoint, blank: Trial, make: Make, workload: Workload, folder: Path
) -> Trial:
    try:
        graph = make()
        measured = measure(checkpoint, graph, workload)
    except Exception as exc:  # whatever a library raises is this table's answer
        return replace(blank, reason=_reason(exc, folder))
    attempt = Attempt(graph, measured, TOLERANCES[blank.precision])
    return replace(blank, attempt=attempt, size=graph.bytes)


def _pace(checkpoint: Checkpoint, trials: list[Trial], workload: Workload) -> list[Trial]:
    graphs = {trial.name: trial.attempt.graph for trial in trials if trial.attempt}
    base = trials[0].name
    if base not in graphs:
        return trials
    sessions = {
        name: OnnxSession(graph.path.read_bytes(), graph.inputs, checkpoint.pad_token_id, PROVIDER)
        for name, graph in graphs.items()
    }
    paces = race(sessions, base, choose_texts(workload))
    return [replace(trial, pace=paces.get(trial.name)) for trial in trials]


def _reason(exc: BaseException, folder: Path) -> str:
    """Return the first line of the error that started it, without the scratch folder's name."""
    while exc.__cause__ is not None:
        exc = exc.__cause__
    lines = str(exc).strip().splitlines() or [type(exc).__name__]
    return " ".join(lines[0].replace(f"{folder}/", "").split())[:LONGEST_REASON]
