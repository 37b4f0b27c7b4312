"""Read and check a checkpoint's config.json, before any weight is read."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.bundle import ProblemType, TagScheme, Task
from app.engine.answers.tags import Tag, read_tags
from export.checkpoint.labels import read_labels, read_tag_scheme
from export.errors import CheckpointRefused

HEADS: dict[str, Task] = {
    "ForSequenceClassification": "sequence-classification",
    "ForTokenClassification": "token-classification",
}
PROBLEM_TYPES: dict[str, ProblemType] = {
    "single_label_classification": "single_label",
    "multi_label_classification": "multi_label",
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
    raw = _read_json(path, "config.json")
    _refuse_custom_code(path, raw)
    architecture, task = _head(path, raw)
    labels = read_labels(path, raw)
    return ModelConfig(
        architecture=architecture,
        family=str(raw.get("model_type", "")),
        task=task,
        problem_type=_override(path, problem_type, task) or _problem_type(path, raw, task),
        labels=labels,
        tag_scheme=read_tag_scheme(path, labels) if task == "token-classification" else None,
    )


def _read_json(path: Path, name: str) -> dict[str, Any]:
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
        named["tokenizer_config.json"] = _read_json(path, "tokenizer_config.json")
    for name, content in named.items():
        if content.get("auto_map"):
            raise CheckpointRefused(
                path,
                f"its {name} asks for custom code (auto_map: {', '.join(content['auto_map'])})",
                "only architectures built into transformers are exported; remove auto_map if the "
                "weights fit one",
            )


def _head(path: Path, raw: dict[str, Any]) -> tuple[str, Task]:
    architectures = raw.get("architectures") or []
    for name in architectures[:1]:
        for suffix, task in HEADS.items():
            if str(name).endswith(suffix):
                return str(name), task
    raise CheckpointRefused(
        path,
        f"architectures is {architectures or 'missing'}",
        "give a classifier: ...ForSequenceClassification or ...ForTokenClassification; "
        "fine-tune one, for instance with `python -m training`",
    )


def _override(path: Path, asked: ProblemType | None, task: Task) -> ProblemType | None:
    if asked == "multi_label" and task == "token-classification":
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
    if named not in PROBLEM_TYPES:
        raise CheckpointRefused(
            path,
            f"problem_type is {named!r}",
            f"a classifier has one of {', '.join(PROBLEM_TYPES)}",
        )
    return PROBLEM_TYPES[named]
