"""Load a subject of a comparison, a bundle as it is served or a checkpoint, and let it answer."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from app.bundle.base import AggregationStrategy, Precision
from app.bundle.bundle import MANIFEST, open_bundle
from app.engine.backends.onnxruntime import OnnxRuntimeBackend
from app.engine.batching.cpus import available_cpus
from app.engine.models.loader import load_servable
from app.engine.text.encoding import TextInput
from app.errors import BundleError
from app.store import list_versions
from export.checkpoint.adapter import find_adapter
from export.checkpoint.config import ModelConfig, read_config
from export.checkpoint.files import find_weights, hash_files
from export.checkpoint.labels import lack_names
from export.checkpoint.load import load_checkpoint
from export.errors import ExportError, GateFailed, StoreError
from export.parity.measure import run_alone
from export.reference.examples import Example
from export.reference.workload import Workload, answer_inputs


@dataclass(frozen=True, slots=True)
class Subject:
    """A bundle or a checkpoint to compare; its weights are not loaded yet.

    Attributes:
        precision: the graph that was asked for; None for the one that a CPU serves.
        strategy: a bundle's default for reading entities; None for a checkpoint.
        weights_sha256: of the checkpoint's weights, also where a bundle was made from them.
    """

    path: Path
    config: ModelConfig
    is_bundle: bool
    weights_sha256: str
    precision: Precision | None = None
    strategy: AggregationStrategy | None = None


@dataclass(frozen=True)
class AnsweredSubject:
    """A bundle or a checkpoint with its answers.

    Attributes:
        served: the precision that answered, or `checkpoint`.
    """

    path: Path
    served: str
    config: ModelConfig
    workload: Workload = field(repr=False)


def read_subject(path: Path, precision: Precision | None) -> Subject:
    """Read the description of a bundle or checkpoint; raise ExportError if it is neither."""
    try:
        return _read_subject(path, precision)
    except OSError as exc:
        raise StoreError(
            f"{path} cannot be read ({exc.strerror}: {exc.filename}); give this user the right to"
        ) from exc


def _read_subject(path: Path, precision: Precision | None) -> Subject:
    if (path / MANIFEST).exists():
        return _read_bundle(path, precision)
    if (path / "config.json").exists():
        return Subject(path, read_config(path), False, hash_files(find_weights(path)))
    if find_adapter(path, None):  # how many labels it has is known once it is merged
        merged = load_checkpoint(path)
        return Subject(path, merged.config, False, merged.weights_sha256)
    wanted = "give STORE/NAME/VERSION of a bundle or the folder of a checkpoint"
    if not path.is_dir():
        raise StoreError(f"{path} is not a folder; {wanted}")
    if versions := list_versions(path.parent, path.name):
        raise StoreError(f"{path} holds versions; give one of them, e.g. {path / str(versions[0])}")
    found = ", ".join(sorted(item.name for item in path.iterdir())[:5]) or "nothing"
    raise StoreError(f"{path} holds neither {MANIFEST} nor config.json but {found}; {wanted}")


def share_names(a: Subject, b: Subject) -> tuple[Subject, Subject]:
    """Give labels without names those of the other subject, if it has as many."""
    return _named(a, b), _named(b, a)


def check_alike(a: Subject, b: Subject) -> None:
    """Raise ExportError unless both have the same task and the same labels."""
    left, right = (f"{one.config.task} ({one.config.problem_type})" for one in (a, b))
    if left != right:
        remedy = "compare two that do the same"
        raise ExportError(f"{a.path} does {left} and {b.path} does {right}; {remedy}")
    if set(a.config.labels) != set(b.config.labels):
        raise ExportError(
            f"the labels differ: {_alone(a, b)}; {_alone(b, a)}; compare two with the same labels"
        )


def answer(
    subject: Subject,
    labels: Sequence[str],
    inputs: Sequence[TextInput],
    examples: Sequence[Example],
    strategy: AggregationStrategy = "first",
) -> AnsweredSubject:
    """Load a subject and answer every input; the labelled inputs come first.

    Args:
        labels: the order of the labels in the logits.
        strategy: how entities are read from the logits.

    Raises:
        ExportError: the bundle cannot be served here, or the checkpoint cannot be exported.
        GateFailed: a score is not finite.
    """
    try:
        served, workload = (_serve if subject.is_bundle else _ask)(subject, inputs, examples)
    except (BundleError, GateFailed) as exc:
        raise ExportError(str(exc)) from exc
    for one, rows in zip(inputs, workload.logits, strict=True):
        if not np.isfinite(rows).all():
            raise GateFailed(
                f"{subject.path} ({served}) answers {one.text[:60]!r} with scores that are not "
                "finite; choose another --precision, or train again"
            )
    order = [subject.config.labels.index(label) for label in labels]
    ordered = tuple(rows[..., order] for rows in workload.logits)
    return AnsweredSubject(
        path=subject.path,
        served=served,
        config=dataclasses.replace(subject.config, labels=tuple(labels)),
        workload=dataclasses.replace(workload, logits=ordered, strategy=strategy),
    )


def _named(one: Subject, other: Subject) -> Subject:
    labels = other.config.labels
    if not lack_names(one.config.labels) or len(labels) != len(one.config.labels):
        return one
    return dataclasses.replace(one, config=dataclasses.replace(one.config, labels=labels))


def _read_bundle(path: Path, precision: Precision | None) -> Subject:
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
    weights = manifest.source.weights_sha256
    return Subject(path, config, True, weights, precision, strategy)


def _serve(
    subject: Subject, inputs: Sequence[TextInput], examples: Sequence[Example]
) -> tuple[str, Workload]:
    """Answer each input alone, with the graph and the code of the service."""
    servable = load_servable(subject.path.resolve(), OnnxRuntimeBackend(), subject.precision)
    encoded = tuple(servable.encode(one, "truncate", 1) for one in inputs)
    windows = [one.windows[0] for one in encoded]
    logits, _ = run_alone(servable, windows, available_cpus())
    workload = Workload(tuple(inputs), tuple(examples), encoded, tuple(logits), golden=())
    return servable.runtime.precision, workload


def _ask(
    subject: Subject, inputs: Sequence[TextInput], examples: Sequence[Example]
) -> tuple[str, Workload]:
    return "checkpoint", answer_inputs(load_checkpoint(subject.path), inputs, examples)


def _alone(one: Subject, other: Subject) -> str:
    own = [label for label in one.config.labels if label not in other.config.labels]
    shown = ", ".join(own[:5]) + (", ..." if len(own) > 5 else "")
    return f"{one.path} alone has {shown or 'none'}"
