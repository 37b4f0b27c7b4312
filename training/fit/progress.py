"""Progress of a run as lines of the log."""

import logging
import time
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

logger = logging.getLogger(__name__)


class ProgressLog(TrainerCallback):
    """Writes steps, loss and time as log lines."""

    def __init__(self) -> None:
        self._started = time.monotonic()

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_: Any,
    ) -> None:
        """Report the training loss, or the scores of an evaluation."""
        values = logs or {}
        shown = [f"{name} {values[name]:.4f}" for name in values if name.startswith("eval_")]
        if "loss" in values:
            shown.append(f"loss {values['loss']:.4f}")
        if shown:
            shown.append(f"{time.monotonic() - self._started:.0f} s")
            logger.info("step %d of %d, %s", state.global_step, state.max_steps, ", ".join(shown))
