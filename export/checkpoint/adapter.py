"""Merge a PEFT adapter into its base, so that it is exported like any other checkpoint."""

import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, PretrainedConfig, PreTrainedModel

from app.bundle.base import Task
from export.checkpoint.config import read_head, read_json, read_raw
from export.checkpoint.files import find_weights, refuse_pointers, refuse_strays
from export.checkpoint.model import LOADERS, make_ready, read_weights
from export.checkpoint.weights import StoredWeight, first_line, read_header, some
from export.errors import CheckpointRefused

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
TASKS: dict[str, Task] = {
    "SEQ_CLS": "sequence-classification",
    "TOKEN_CLS": "token-classification",
}
# What PEFT puts before the names of the base's own weights.
PREFIX = "base_model.model."


@dataclass(frozen=True, slots=True)
class Adapter:
    """A PEFT adapter and the model that it changes.

    Attributes:
        base: the folder of that model, a classifier or an encoder.
    """

    path: Path
    base: Path


@dataclass(frozen=True, slots=True)
class MergedModel:
    """A classifier of which an adapter has become part.

    Attributes:
        raw: what its config.json would say.
        files: the weights that it was made of.
    """

    model: PreTrainedModel
    raw: dict[str, Any]
    files: list[Path]


def find_adapter(path: Path, given: Path | None) -> Adapter | None:
    """Return the adapter to merge into `path`, or which `path` is itself; None if it is neither.

    Raises:
        CheckpointRefused: its base is not on this machine.
    """
    if given is not None:
        return Adapter(given, path)
    if (path / "config.json").exists() or not (path / CONFIG).exists():
        return None
    base = read_json(path, CONFIG).get("base_model_name_or_path")
    if not isinstance(base, str) or not Path(base).is_dir():
        raise CheckpointRefused(
            path,
            f"it is a PEFT adapter of {base or 'a base without a name'}, which is no folder here",
            f"export the folder of its base with --adapter {path}",
        )
    return Adapter(path, Path(base))


def merge(adapter: Adapter) -> MergedModel:
    """Merge an adapter, head included; raise CheckpointRefused if weights are lost or left over."""
    for name in (CONFIG, WEIGHTS):
        if not (adapter.path / name).exists():
            remedy = "give the folder that the PeftModel's save_pretrained wrote, in safetensors"
            raise CheckpointRefused(adapter.path, f"the adapter has no {name}", remedy)
    refuse_pointers(adapter.path)
    task = _read_task(adapter)
    files = [*find_weights(adapter.base), adapter.path / WEIGHTS]
    refuse_strays(adapter.path, files)
    read_header(adapter.base, files[:-1])  # refuses damaged and quantized ones
    stored = read_header(adapter.path, files[-1:])
    base = _load_base(adapter, task, stored)
    model = make_ready(adapter.path, _merge(adapter, base, stored))
    raw: dict[str, Any] = json.loads(model.config.to_json_string(use_diff=False))
    return MergedModel(model, raw | {"architectures": [type(model).__name__]}, files)


def _read_task(adapter: Adapter) -> Task:
    """Return the task that the adapter was trained for, or that of its base if it names none."""
    raw = read_raw(adapter.base)
    named = read_json(adapter.path, CONFIG).get("task_type")
    if named is None:
        return read_head(adapter.base, raw)[1]
    if named not in TASKS:
        remedy = f"an adapter of a classifier has one of {', '.join(TASKS)}"
        raise CheckpointRefused(adapter.path, f"task_type is {named!r} in {CONFIG}", remedy)
    return TASKS[named]


def _load_base(
    adapter: Adapter,
    task: Task,
    stored: Mapping[str, StoredWeight],
) -> PreTrainedModel:
    """Load the base with a head of the adapter's size; the adapter has what the base lacks.

    Weights that the class does not read are no reason to refuse: it did not in training either.
    """
    replaced = {name.removeprefix(PREFIX): weight for name, weight in stored.items()}
    config = _size_head(AutoConfig.from_pretrained(adapter.base), task, replaced)
    model, info = read_weights(adapter.base, task, config=config)
    lost = {*info["missing_keys"], *info["mismatched_keys"]} - {*replaced}
    if lost:
        raise CheckpointRefused(
            adapter.path,
            f"neither it nor its base {adapter.base} has weights of this size for "
            f"{some(sorted(lost))}",
            "give the base that it was trained on; if training drew these by chance, name their "
            "modules in modules_to_save and train again",
        )
    return model


def _size_head(
    config: PretrainedConfig, task: Task, replaced: Mapping[str, StoredWeight]
) -> PretrainedConfig:
    """Return the base's config with as many labels as the adapter's own head has, if it has one."""
    with torch.device("meta"):
        named = LOADERS[task].from_config(config).state_dict()
    head = [name for name, weight in named.items() if weight.ndim > 1][-1]
    if head in replaced and (labels := replaced[head].shape[0]) != config.num_labels:
        config.num_labels = labels
    return config


def _merge(
    adapter: Adapter, base: PreTrainedModel, stored: Mapping[str, StoredWeight]
) -> PreTrainedModel:
    from peft import PeftModel, get_peft_model_state_dict  # seconds, for this alone

    try:
        with warnings.catch_warnings(action="ignore"):  # of missing weights, refused below
            model = PeftModel.from_pretrained(base, str(adapter.path), torch_device="cpu")
        read = set(get_peft_model_state_dict(model, save_embedding_layers=False))
        merged: PreTrainedModel = model.merge_and_unload(safe_merge=True)
    except Exception as exc:  # tuners raise types of their own
        found = (
            f"PEFT cannot merge it into {adapter.base} ({type(exc).__name__}: {first_line(exc)})"
        )
        remedy = "give the base that it was trained on, and an adapter of weights, such as LoRA"
        raise CheckpointRefused(adapter.path, found, remedy) from exc
    if unlike := read ^ set(stored):
        raise CheckpointRefused(
            adapter.path,
            f"{len(unlike)} of its weights are not those that {CONFIG} describes "
            f"({some(sorted(unlike))})",
            "save the adapter again with the version of PEFT that trained it",
        )
    return merged
