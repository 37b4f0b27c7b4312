"""Read and check a checkpoint's config.json, before any weight is read."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import transformers
from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES,
    MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING_NAMES,
)

from app.bundle import ProblemType, TagScheme, Task
from app.engine.answers.tags import Tag, read_tags
from export.checkpoint.files import refuse_adapter_alone, refuse_pointers
from export.checkpoint.labels import read_labels, read_tag_scheme
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


def read_config(path: Path, problem_type: ProblemType | None = None) -> ModelConfig:
    """Read config.json of a checkpoint folder; raise CheckpointRefused saying what would work.

    Args:
        problem_type: replaces the config's own, which some trainings leave out.
    """
    if not path.is_dir():
        raise CheckpointRefused(
            path, "no such folder", "give the folder that save_pretrained wrote"
        )
    refuse_pointers(path)
    if not (path / "config.json").exists():
        refuse_adapter_alone(path)
    raw = read_json(path, "config.json")
    _refuse_custom_code(path, raw)
    _refuse_quantized(path, raw)
    family = _family(path, raw)
    architecture, task = _head(path, raw)
    labels = read_labels(path, raw)
    return ModelConfig(
        architecture=architecture,
        family=family,
        task=task,
        problem_type=_override(path, problem_type, task) or _problem_type(path, raw, task),
        labels=labels,
        tag_scheme=read_tag_scheme(path, labels) if task == "token-classification" else None,
    )


def read_json(path: Path, name: str) -> dict[str, Any]:
    """Return a JSON object of the checkpoint folder; raise CheckpointRefused if it is none."""
    try:
        raw = json.loads((path / name).read_text(encoding="utf-8"))
    except FileNotFoundError as exc:
        remedy = "give a folder that save_pretrained wrote"
        raise CheckpointRefused(path, f"it has no {name}", remedy) from exc
    except (ValueError, OSError) as exc:
        remedy = "save the checkpoint again"
        raise CheckpointRefused(path, f"its {name} cannot be read ({exc})", remedy) from exc
    if not isinstance(raw, dict):
        remedy = "save the checkpoint again"
        raise CheckpointRefused(path, f"its {name} is not a JSON object", remedy)
    return raw


def _refuse_custom_code(path: Path, raw: dict[str, Any]) -> None:
    """Refuse a checkpoint that brings its own code: it would run with the exporter's rights."""
    named = {"config.json": raw}
    if (path / "tokenizer_config.json").exists():
        named["tokenizer_config.json"] = read_json(path, "tokenizer_config.json")
    for name, content in named.items():
        if asked := content.get("auto_map"):
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


def _family(path: Path, raw: dict[str, Any]) -> str:
    """Return `model_type`, which transformers must know: it decides which class is loaded."""
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
    return name


def _head(path: Path, raw: dict[str, Any]) -> tuple[str, Task]:
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
        "fine-tune one, for instance with `python -m training`",
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
