"""Read and check a checkpoint's config.json, before any weight is read."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import transformers
from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES,
    MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING_NAMES,
)

from app.bundle.base import ProblemType, TagScheme, Task
from app.engine.answers.tags import Tag, read_tags
from export.checkpoint.files import refuse_pointers
from export.checkpoint.folders import refuse_folder
from export.checkpoint.labels import read_labels, read_tag_scheme, rename_labels
from export.checkpoint.weights import QUANTIZED_REMEDY
from export.errors import CheckpointRefused

HEADS: dict[str, Task] = {
    "ForSequenceClassification": "sequence-classification",
    "ForTokenClassification": "token-classification",
}
CLASSES: dict[Task, set[str]] = {
    "sequence-classification": {*MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES.values()},
    "token-classification": {*MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING_NAMES.values()},
}
PROBLEM_TYPES: dict[str, ProblemType] = {
    "single_label_classification": "single_label",
    "multi_label_classification": "multi_label",
    "regression": "regression",
}


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """The task and labels of a classifier, from its config.json.

    Attributes:
        family: transformers' `model_type`, e.g. `bert`.
        labels: in id order.
    """

    architecture: str
    family: str
    task: Task
    problem_type: ProblemType
    labels: tuple[str, ...]
    tag_scheme: TagScheme | None

    @property
    def tags(self) -> tuple[Tag, ...]:
        return read_tags(self.labels, self.tag_scheme)


def read_config(path: Path) -> ModelConfig:
    """Read config.json of a checkpoint folder; raise CheckpointRefused saying what would work."""
    return describe(path, read_raw(path))


def describe(
    path: Path,
    raw: dict[str, Any],
    problem_type: ProblemType | None = None,
    labels: Sequence[str] | None = None,
) -> ModelConfig:
    """Return the task and labels of a classifier.

    Args:
        raw: its config.json.
        problem_type: replaces the config's own, which some trainings leave out.
        labels: replace the config's own names, in id order.

    Raises:
        CheckpointRefused: it is no classifier, or its labels cannot be read.
    """
    architecture, task = read_head(path, raw)
    names = rename_labels(path, read_labels(path, raw), labels)
    return ModelConfig(
        architecture=architecture,
        family=raw["model_type"],
        task=task,
        problem_type=_override(path, problem_type, task) or _problem_type(path, raw, task),
        labels=names,
        tag_scheme=read_tag_scheme(path, names) if task == "token-classification" else None,
    )


def read_raw(path: Path) -> dict[str, Any]:
    """Return config.json of a model that transformers' own code loads.

    Raises:
        CheckpointRefused: there is none, or the model needs other code.
    """
    if not path.is_dir():
        raise CheckpointRefused(
            path, "no such folder", "give the folder that save_pretrained wrote"
        )
    refuse_pointers(path)
    if not (path / "config.json").exists():
        refuse_folder(path, "config.json")
    raw = read_json(path, "config.json")
    refuse_custom_code(path, "config.json", raw)
    _refuse_quantized(path, raw)
    _refuse_unknown_family(path, raw)
    return raw


def read_json(path: Path, name: str) -> dict[str, Any]:
    """Return a JSON object of the checkpoint folder; raise CheckpointRefused if it is none."""
    try:
        raw = json.loads((path / name).read_text(encoding="utf-8"))
    except (ValueError, OSError) as exc:
        remedy = "save the checkpoint again"
        raise CheckpointRefused(path, f"its {name} cannot be read ({exc})", remedy) from exc
    if not isinstance(raw, dict):
        remedy = "save the checkpoint again"
        raise CheckpointRefused(path, f"its {name} is not a JSON object", remedy)
    return raw


def refuse_custom_code(path: Path, name: str, raw: dict[str, Any]) -> None:
    """Refuse a file that asks for code of its own: it would run with the exporter's rights."""
    if asked := raw.get("auto_map"):
        shown = ", ".join(map(str, asked)) if isinstance(asked, (dict, list)) else asked
        raise CheckpointRefused(
            path,
            f"its {name} asks for custom code (auto_map: {shown})",
            "only architectures built into transformers are exported; remove auto_map if the "
            "weights fit one",
        )


def _refuse_quantized(path: Path, raw: dict[str, Any]) -> None:
    asked = raw.get("quantization_config")
    if asked:
        method = asked.get("quant_method", "unnamed") if isinstance(asked, dict) else asked
        found = f"its weights are quantized (quantization_config in config.json: {method})"
        raise CheckpointRefused(path, found, QUANTIZED_REMEDY)


def _refuse_unknown_family(path: Path, raw: dict[str, Any]) -> None:
    """Refuse a `model_type` that transformers does not know: it decides which class is loaded."""
    name = raw.get("model_type")
    if not isinstance(name, str) or not name:
        remedy = 'add it to config.json, e.g. "model_type": "bert"'
        raise CheckpointRefused(path, f"model_type is {name or 'missing'!r}", remedy)
    if name not in CONFIG_MAPPING_NAMES:
        written = raw.get("transformers_version", "no version")
        raise CheckpointRefused(
            path,
            f"model_type is {name!r}, which transformers {transformers.__version__} here does not "
            f"know (config.json names {written})",
            "install a version of transformers that has it, or correct model_type",
        )


def read_head(path: Path, raw: dict[str, Any]) -> tuple[str, Task]:
    """Return the class that config.json names first, and its task; it must be transformers' own."""
    architectures = raw.get("architectures") or []
    for name in architectures[:1] if isinstance(architectures, list) else ():
        for suffix, task in HEADS.items():
            if not str(name).endswith(suffix):
                continue
            if name not in CLASSES[task]:
                raise CheckpointRefused(
                    path,
                    f"architectures names {name}, which is no class of transformers "
                    f"{transformers.__version__}: its code is not in the checkpoint",
                    "name the class of transformers that the weights were saved from; a head of "
                    "one's own (a CRF, more layers) cannot be exported",
                )
            return str(name), task
    raise CheckpointRefused(
        path,
        f"architectures is {architectures or 'missing'}",
        "give a classifier: ...ForSequenceClassification or ...ForTokenClassification; "
        "fine-tune one, for instance with `classmark train`",
    )


def _override(path: Path, asked: ProblemType | None, task: Task) -> ProblemType | None:
    if asked in ("multi_label", "regression") and task == "token-classification":
        raise CheckpointRefused(
            path,
            "it labels tokens, each with one tag",
            "leave out --problem-type; it is for classifiers of whole texts",
        )
    return asked


def _problem_type(path: Path, raw: dict[str, Any], task: Task) -> ProblemType:
    """Infer a missing problem type as transformers' pipelines do: one label a text.

    A single logit is `single_label` too: decoding takes its sigmoid, as the pipeline does.
    """
    named = raw.get("problem_type")
    if task == "token-classification" or named is None:
        return "single_label"
    if not isinstance(named, str) or named not in PROBLEM_TYPES:
        raise CheckpointRefused(
            path,
            f"problem_type is {named!r}",
            f"a classifier has one of {', '.join(PROBLEM_TYPES)}",
        )
    return PROBLEM_TYPES[named]
