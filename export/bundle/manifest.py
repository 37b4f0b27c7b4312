"""Build the manifest of a bundle from the measurements, and copy its files."""

import dataclasses
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

from app.bundle.base import InputKind
from app.bundle.manifest import (
    Defaults,
    GoldenCase,
    GraphFile,
    Manifest,
    Source,
    TokenizerFile,
    WeightsFile,
)
from app.bundle.measured import Evaluation, Gate
from export.bundle.package import hash_file, write_tokenizer
from export.checkpoint.config import ModelConfig
from export.checkpoint.load import Checkpoint
from export.graphs.files import copy_graph, weights_path
from export.parity.candidate import Candidate, VerifiedGraphs
from export.reference.evaluation import score_reference
from export.reference.examples import Example
from export.reference.workload import Workload
from export.scores.aggregation import measure_strategies
from export.scores.scoring import Scoring

TOOLS = ("classmark", "torch", "transformers", "optimum", "optimum-onnx", "onnx", "onnxruntime")
# Logits are rounded to this many decimals: far below any tolerance, and a third of the size.
LOGIT_DECIMALS = 5


def describe_bundle(
    checkpoint: Checkpoint,
    identity: tuple[str, int],
    workload: Workload,
    expected: dict[str, float],
    verified: VerifiedGraphs,
    scoring: Scoring,
    folder: Path,
) -> Manifest:
    """Copy graphs and tokenizer into `folder` and return the manifest that describes them.

    Args:
        identity: name and version of the bundle.
        expected: the checkpoint's metrics on the labelled inputs.
    """
    name, version = identity
    config = checkpoint.config
    return Manifest(
        name=name,
        version=version,
        task=config.task,
        problem_type=config.problem_type,
        labels=config.labels,
        tag_scheme=config.tag_scheme,
        input=input_kind(workload.examples) if checkpoint.reads_pairs else "text",
        max_length=checkpoint.max_length,
        pad_token_id=checkpoint.pad_token_id,
        graphs={one.graph.precision: _graph_file(one, folder) for one in verified.padded},
        packed=_graph_file(verified.packed, folder) if verified.packed else None,
        tokenizer=_tokenizer_file(checkpoint, folder),
        source=_source(checkpoint),
        tools=tool_versions(),
        created_at=datetime.now(UTC).replace(microsecond=0),
        evaluation=_evaluation(config, workload, expected, verified.padded),
        score_reference=score_reference(
            config, workload, scoring.temperature, scoring.label_thresholds
        ),
        calibration=scoring.fit.record if scoring.fit else None,
        defaults=Defaults(
            aggregation_strategy=workload.strategy, label_thresholds=scoring.label_thresholds
        ),
        golden=tuple(_golden(workload, index) for index in workload.golden),
    )


def input_kind(examples: Sequence[Example]) -> InputKind:
    """Return what the rows of `--eval` have; without rows the bundle takes either."""
    kinds = {example.source.text_pair is not None for example in examples}
    if len(kinds) != 1:
        return "any"
    return "pair" if kinds == {True} else "text"


def _source(checkpoint: Checkpoint) -> Source:
    folders = filter(None, (checkpoint.base, checkpoint.path))
    return Source(
        checkpoint=" + ".join(folder.resolve().name for folder in folders),
        weights_sha256=checkpoint.weights_sha256,
        architecture=checkpoint.config.architecture,
        parameters=checkpoint.parameters,
    )


def _graph_file(one: Candidate, folder: Path) -> GraphFile:
    graph, measured = one.graph, one.measured
    target = folder / f"model.{'-'.join(str(graph.mode).split())}.onnx"
    copy_graph(graph.path, target)
    weights = weights_path(target)
    return GraphFile(
        **_describe_file(target),
        weights=WeightsFile(**_describe_file(weights)) if weights.exists() else None,
        kind=graph.kind,
        inputs=graph.inputs,
        opset=graph.opset,
        batch_invariant=measured.batch_invariant,
        recipe=graph.recipe,
        parity=measured.parity,
        metric_loss=measured.metric_loss if measured.metrics else None,
        gate=Gate(**dataclasses.asdict(one.tolerance)),
    )


def _tokenizer_file(checkpoint: Checkpoint, folder: Path) -> TokenizerFile:
    path = write_tokenizer(folder, checkpoint.tokenizer_json)
    return TokenizerFile(**_describe_file(path), settings=checkpoint.tokenizer_settings)


def _describe_file(path: Path) -> dict[str, Any]:
    return {"file": path.name, "sha256": hash_file(path), "bytes": path.stat().st_size}


def tool_versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that export and measure."""
    return {"python": platform.python_version()} | {name: installed_version(name) for name in TOOLS}


def _evaluation(
    config: ModelConfig,
    workload: Workload,
    expected: dict[str, float],
    verified: Sequence[Candidate],
) -> Evaluation | None:
    if not workload.examples:
        return None
    return Evaluation(
        inputs=len(workload.examples),
        checkpoint=expected,
        graphs={
            one.graph.precision: one.measured.metrics
            for one in verified
            if one.measured.labelled == len(workload.examples)
        },
        strategies=dict(measure_strategies(config, workload)),
    )


def _golden(workload: Workload, index: int) -> GoldenCase:
    source, logits = workload.inputs[index], workload.logits[index]
    rows = [
        tuple(round(float(value), LOGIT_DECIMALS) for value in row)
        for row in logits.reshape(-1, logits.shape[-1])
    ]
    return GoldenCase(
        text=source.text,
        text_pair=source.text_pair,
        logits=rows[0] if logits.ndim == 1 else tuple(rows),
    )
