"""One side of a comparison: a bundle as it is served, or a checkpoint, with its answers."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from app.bundle import MANIFEST, AggregationStrategy, Precision, open_bundle
from app.engine.backends.onnxruntime import OnnxRuntimeBackend
from app.engine.batching.executors import available_cpus
from app.engine.models.loader import load_servable
from app.engine.text.encoding import TextInput
from app.errors import BundleError
from app.store import list_versions
from export.checkpoint.config import ModelConfig, read_config
from export.checkpoint.load import load_checkpoint
from export.errors import ExportError, GateFailed, StoreError
from export.parity.measure import run_alone
from export.reference.examples import Example
from export.reference.workload import Workload, answer_inputs


@dataclass(frozen=True, slots=True)
class Source:
    """A bundle or a checkpoint whose description was read; its weights are read to answer.

    Attributes:
        precision: the graph that was asked for; None for what the CPU would serve.
        strategy: how a bundle reads entities unless a request says; None for a checkpoint.
    """

    path: Path
    config: ModelConfig
    is_bundle: bool
    precision: Precision | None = None
    strategy: AggregationStrategy | None = None


@dataclass(frozen=True)
class Side:
    """The answers of a bundle or a checkpoint.

    Attributes:
        served: the precision that answered, or `checkpoint`.
    """

    path: Path
    served: str
    config: ModelConfig
    workload: Workload = field(repr=False)


def read_source(path: Path, precision: Precision | None) -> Source:
    """Tell a bundle from a checkpoint and read its description; raise ExportError if it is none."""
    try:
        return _read_source(path, precision)
    except OSError as exc:
        raise StoreError(
            f"{path} cannot be read ({exc.strerror}: {exc.filename}); give this user the right to"
        ) from exc


def _read_source(path: Path, precision: Precision | None) -> Source:
    if (path / MANIFEST).exists():
        return _read_bundle(path, precision)
    if (path / "config.json").exists():
        return Source(path, read_config(path), is_bundle=False)
    wanted = "give STORE/NAME/VERSION of a bundle or the folder of a checkpoint"
    if not path.is_dir():
        raise StoreError(f"{path} is no folder; {wanted}")
    if versions := list_versions(path.parent, path.name):
        raise StoreError(f"{path} holds versions; give one of them, e.g. {path / str(versions[0])}")
    found = ", ".join(sorted(item.name for item in path.iterdir())[:5]) or "nothing"
    raise StoreError(f"{path} holds neither {MANIFEST} nor config.json but {found}; {wanted}")


def check_alike(a: Source, b: Source) -> None:
    """Raise ExportError unless both answer the same question with the same labels."""
    left, right = (f"{one.config.task} ({one.config.problem_type})" for one in (a, b))
    if left != right:
        remedy = "compare two that do the same"
        raise ExportError(f"{a.path} does {left} and {b.path} does {right}; {remedy}")
    if set(a.config.labels) != set(b.config.labels):
        raise ExportError(
            f"the labels differ: {_alone(a, b)}; {_alone(b, a)}; compare two with the same labels"
        )


def answer(
    source: Source,
    labels: Sequence[str],
    inputs: Sequence[TextInput],
    examples: Sequence[Example],
    strategy: AggregationStrategy = "first",
) -> Side:
    """Load one side and answer every input, of which the labelled ones come first.

    Args:
        labels: the order in which the logits are wanted.
        strategy: how entities are read from them.

    Raises:
        ExportError: the bundle cannot be served here, or the checkpoint cannot be exported.
        GateFailed: an answer is no number.
    """
    try:
        served, workload = (_serve if source.is_bundle else _ask)(source, inputs, examples)
    except (BundleError, GateFailed) as exc:
        raise ExportError(str(exc)) from exc
    for one, rows in zip(inputs, workload.logits, strict=True):
        if not np.isfinite(rows).all():
            raise GateFailed(
                f"{source.path} ({served}) answers {one.text[:60]!r} with scores that are not "
                "finite; choose another --precision, or train again"
            )
    order = [source.config.labels.index(label) for label in labels]
    ordered = tuple(rows[..., order] for rows in workload.logits)
    return Side(
        path=source.path,
        served=served,
        config=dataclasses.replace(source.config, labels=tuple(labels)),
        workload=dataclasses.replace(workload, logits=ordered, strategy=strategy),
    )


def _read_bundle(path: Path, precision: Precision | None) -> Source:
    try:
        manifest = open_bundle(path.resolve()).manifest
    except BundleError as exc:
        raise StoreError(str(exc)) from exc
    if precision is not None and precision not in manifest.graphs:
        offered = ", ".join(manifest.graphs)
        raise StoreError(f"{path} has no {precision} graph; choose --precision from {offered}")
    config = ModelConfig(
        architecture=manifest.source.architecture,
        family="",
        task=manifest.task,
        problem_type=manifest.problem_type,
        labels=manifest.labels,
        tag_scheme=manifest.tag_scheme,
    )
    strategy = manifest.defaults.aggregation_strategy
    return Source(path, config, is_bundle=True, precision=precision, strategy=strategy)


def _serve(
    source: Source, inputs: Sequence[TextInput], examples: Sequence[Example]
) -> tuple[str, Workload]:
    """Answer each input alone, by the graph and the code that the service would take."""
    backends = [OnnxRuntimeBackend()]
    servable = load_servable(source.path.resolve(), backends, source.precision)
    encoded = tuple(servable.encode(one, "truncate", 1) for one in inputs)
    windows = [one.windows[0] for one in encoded]
    logits, _ = run_alone(servable, windows, available_cpus())
    workload = Workload(tuple(inputs), tuple(examples), encoded, tuple(logits), golden=())
    return servable.precision, workload


def _ask(
    source: Source, inputs: Sequence[TextInput], examples: Sequence[Example]
) -> tuple[str, Workload]:
    return "checkpoint", answer_inputs(load_checkpoint(source.path), inputs, examples)


def _alone(one: Source, other: Source) -> str:
    own = [label for label in one.config.labels if label not in other.config.labels]
    shown = ", ".join(own[:5]) + (", ..." if len(own) > 5 else "")
    return f"{one.path} alone has {shown or 'none'}"
