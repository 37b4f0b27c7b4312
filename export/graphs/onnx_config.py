"""Give the converter the inputs that a checkpoint is fed: those, and no others, the graph takes."""

import inspect
from typing import Any

from app.bundle.base import Task
from export.checkpoint.load import Checkpoint
from export.checkpoint.tokenizer import type_rows

# optimum's names for the tasks.
EXPORT_TASKS: dict[Task, str] = {
    "sequence-classification": "text-classification",
    "token-classification": "token-classification",
}
TYPES = "token_type_ids"
# What a text gives. Of other inputs, such as Longformer's global attention or LayoutLM's boxes, a
# model takes its own default, as it does in transformers' pipeline.
OF_A_TEXT = ("input_ids", "attention_mask", TYPES)


def converter_config(checkpoint: Checkpoint) -> dict[str, Any] | None:
    """Return optimum's configuration with other inputs; None where it is right as it is.

    optimum leaves token types out for whole families, because their usual tokenizers give none.
    Where this tokenizer gives types that the model tells apart, the graph would take a pair for one
    text. A model with a single type needs none, and optimum would trace it with two.
    """
    # Imported here: what only reads this package runs where optimum is not installed.
    from optimum.exporters.tasks import TasksManager

    task = EXPORT_TASKS[checkpoint.config.task]
    make: Any = TasksManager.get_exporter_config_constructor(
        "onnx", model=checkpoint.model, task=task, library_name="transformers"
    )
    made = make(checkpoint.model.config)
    usual = made.inputs
    names = [name for name in OF_A_TEXT if name in usual or (name == TYPES and _typed(checkpoint))]
    if type_rows(checkpoint.model) == 1:
        names = [name for name in names if name != TYPES]
    if set(names) == set(usual):
        return None
    inputs = {name: usual.get(name, usual["input_ids"]) for name in names}
    fitting = type("Fitting", (type(made),), {"inputs": property(lambda _: inputs)})
    return {"model": fitting(checkpoint.model.config, task=task)}


def _typed(checkpoint: Checkpoint) -> bool:
    """Tell whether the tokenizer gives types that the model tells apart."""
    read = inspect.signature(checkpoint.model.forward).parameters
    given = checkpoint.tokenizer_settings.token_types
    return given and TYPES in read and type_rows(checkpoint.model) > 1
