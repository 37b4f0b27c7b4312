"""Load a checkpoint's weights into the class of transformers that config.json names."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import (
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    PreTrainedModel,
)

from app.bundle.base import Task
from export.checkpoint.weights import check_names, first_line, read_header, refuse_not_finite
from export.errors import CheckpointRefused

LOADERS: dict[Task, Any] = {
    "sequence-classification": AutoModelForSequenceClassification,
    "token-classification": AutoModelForTokenClassification,
}


def load_model(path: Path, task: Task, files: Sequence[Path]) -> PreTrainedModel:
    """Load a classifier; raise CheckpointRefused unless each of its weights is read and finite."""
    stored = read_header(path, files)
    model, info = read_weights(path, task)
    check_names(path, model, info, stored)
    return make_ready(path, model)


def read_weights(path: Path, task: Task, **options: Any) -> tuple[PreTrainedModel, dict[str, Any]]:
    """Return the classifier in fp32, and what transformers says of the names of its weights.

    Weights of other sizes than config.json gives are not read; they are named there.
    """
    try:
        model, info = LOADERS[task].from_pretrained(
            path,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            dtype=torch.float32,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
            **options,
        )
    except Exception as exc:  # configurations, models and loaders raise types of their own
        found = f"it does not load for {task} ({type(exc).__name__}: {first_line(exc)})"
        raise CheckpointRefused(path, found, "correct config.json or save the model again") from exc
    return model, info


def make_ready(path: Path, model: PreTrainedModel) -> PreTrainedModel:
    """Return the model as it answers, dropout off; raise CheckpointRefused if it cannot."""
    refuse_not_finite(path, model)
    _refuse_rotation(path, model)
    model.train(False)
    return model


def _refuse_rotation(path: Path, model: PreTrainedModel) -> None:
    """Refuse rotary positions as transformers 5 writes them, unless this version has the same.

    This one takes `rope_parameters` for a key of somebody's own, and its defaults instead.
    """
    settings = model.config.to_dict()
    given = settings.get("rope_parameters")
    if not isinstance(given, dict) or "rope_parameters" in type(model.config)().to_dict():
        return
    parts = [part for part in (given, *given.values()) if isinstance(part, dict)]
    bases = {part["rope_theta"] for part in parts if "rope_theta" in part}
    known = {value for key, value in settings.items() if key.endswith("rope_theta")}
    if not bases <= known or any(part.get("rope_type", "default") != "default" for part in parts):
        raise CheckpointRefused(
            path,
            f"config.json gives rotary positions as transformers 5 writes them ({given}), which "
            f"transformers {transformers.__version__} here does not read",
            "give them under the names of this version (rope_theta, ...), or install that one",
        )
