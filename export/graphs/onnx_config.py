"""Give the converter the inputs that a checkpoint is fed and that its own table leaves out."""

import inspect
from typing import Any

from app.bundle import Task
from export.checkpoint.load import Checkpoint
from export.checkpoint.tokenizer import type_rows

# optimum's names for the tasks.
EXPORT_TASKS: dict[Task, str] = {
    "sequence-classification": "text-classification",
    "token-classification": "token-classification",
}


def added_inputs(checkpoint: Checkpoint) -> dict[str, Any] | None:
    """Return optimum's configuration with token types as an input; None where it is right as it is.

    optimum leaves them out for whole families, because their usual tokenizers give none. Where
    this tokenizer gives types that the model tells apart, the graph would take a pair for one text.
    """
    # Imported here: what only reads this package runs where optimum is not installed.
    from optimum.exporters.tasks import TasksManager

    read = inspect.signature(checkpoint.model.forward).parameters
    if not checkpoint.tokenizer_settings.token_types or "token_type_ids" not in read:
        return None
    if type_rows(checkpoint.model) < 2:
        return None
    task = EXPORT_TASKS[checkpoint.config.task]
    make: Any = TasksManager.get_exporter_config_constructor(
        "onnx", model=checkpoint.model, task=task, library_name="transformers"
    )
    usual = make(checkpoint.model.config)
    if "token_type_ids" in usual.inputs:
        return None
    typed = type("Typed", (type(usual),), {"inputs": property(_with_types(type(usual)))})
    return {"model": typed(checkpoint.model.config, task=task)}


def _with_types(usual: Any) -> Any:
    def inputs(self: Any) -> dict[str, dict[int, str]]:
        known: dict[str, dict[int, str]] = usual.inputs.fget(self)
        return {**known, "token_type_ids": known["input_ids"]}

    return inputs
