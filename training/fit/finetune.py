"""Fine-tune a base encoder with Hugging Face's Trainer."""

import tempfile
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import (
    EarlyStoppingCallback,
    PreTrainedModel,
    Trainer,
    TrainingArguments,
)
from transformers.trainer_callback import PrinterCallback

from training.fit.progress import ProgressLog
from training.settings import Precision, Settings
from training.tasks.features import Collator, Features

Evaluate = Callable[[], Mapping[str, float]]


class _FineTuner(Trainer):
    """A Trainer that evaluates with the function that the final report uses."""

    def __init__(self, *args: Any, scores: Evaluate, **options: Any) -> None:
        super().__init__(*args, **options)
        self._scores = scores

    def evaluate(self, *_: Any, metric_key_prefix: str = "eval", **__: Any) -> dict[str, float]:
        scores = self._scores()
        metrics = {f"{metric_key_prefix}_{name}": value for name, value in scores.items()}
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(
            self.args, self.state, self.control, metrics
        )
        return metrics


def finetune(
    model: PreTrainedModel,
    features: Features,
    collator: Collator,
    settings: Settings,
    evaluate: Evaluate,
    metric: str,
) -> None:
    """Train the model in place; with patience, keep the weights with the best `metric`."""
    freeze(model, settings)
    with tempfile.TemporaryDirectory(prefix="classmark-training-") as folder:
        early = settings.patience > 0
        trainer = _FineTuner(
            model=model,
            args=_arguments(settings, Path(folder), metric if early else None),
            train_dataset=features,
            eval_dataset=features if early else None,  # only its presence counts: see evaluate
            data_collator=collator,
            optimizers=(_optimizer(model, settings), None),
            callbacks=[
                ProgressLog(),
                *([EarlyStoppingCallback(settings.patience)] if early else []),
            ],
            scores=evaluate,
        )
        # It prints dictionaries; our own callbacks replace it.
        trainer.pop_callback(PrinterCallback)  # type: ignore[no-untyped-call]
        with warnings.catch_warnings():
            # If two epochs end within a second, the Trainer rightly orders folders by number.
            warnings.filterwarnings("ignore", "mtime may not be reliable")
            trainer.train()
        # In bf16 the Trainer leaves the forward pass wrapped; scores must not be computed in bf16.
        trainer.accelerator.unwrap_model(model, keep_fp32_wrapper=False)
    model.requires_grad_(True)


def _arguments(settings: Settings, folder: Path, metric: str | None) -> TrainingArguments:
    when = "no" if metric is None else "epoch"
    on_gpu = torch.cuda.is_available()
    return TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=settings.epochs,
        per_device_train_batch_size=settings.batch_size,
        warmup_ratio=settings.warmup_share,
        group_by_length=True,
        bf16=use_bf16(settings.precision),
        use_cpu=not on_gpu,
        seed=settings.seed,
        eval_strategy=when,
        save_strategy=when,
        save_only_model=True,
        save_total_limit=1,
        load_best_model_at_end=metric is not None,
        metric_for_best_model=metric,
        greater_is_better=True,
        logging_strategy="steps",
        logging_steps=0.1,
        report_to=[],
        disable_tqdm=True,
        dataloader_pin_memory=on_gpu,
    )


def use_bf16(precision: Precision) -> bool:
    """Tell whether to train in bfloat16; `auto` takes it if the processor multiplies in it."""
    if precision != "auto":
        return precision == "bf16"
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported())
    has = torch.cpu.get_capabilities()
    return bool(has.get("avx512_bf16") or has.get("amx_bf16"))


def freeze(model: PreTrainedModel, settings: Settings) -> None:
    """Freeze the embeddings and the lowest layers as the settings say."""
    encoder: Any = model.base_model
    if settings.freeze_embeddings:
        encoder.embeddings.requires_grad_(False)
    if settings.frozen_layers:
        layers = next(part for part in encoder.modules() if isinstance(part, nn.ModuleList))
        for layer in layers[: settings.frozen_layers]:
            layer.requires_grad_(False)


def _optimizer(model: PreTrainedModel, settings: Settings) -> torch.optim.Optimizer:
    """Return AdamW with a separate rate for the head and no decay on biases and norms."""
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    prefix = f"{model.base_model_prefix}."
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            is_head = not name.startswith(prefix) or ".pooler." in name
            groups.setdefault((is_head, parameter.ndim > 1), []).append(parameter)
    rate = settings.learning_rate
    head_rate = settings.head_learning_rate or rate
    return torch.optim.AdamW(
        [
            {
                "params": parameters,
                "lr": head_rate if is_head else rate,
                "weight_decay": settings.weight_decay if decays else 0.0,
            }
            for (is_head, decays), parameters in groups.items()
        ],
        fused=True,
    )
