"""Settings of one training run, checked when they are made."""

from dataclasses import dataclass
from typing import Literal

from training.errors import SettingError

Precision = Literal["auto", "fp32", "bf16"]
PRECISIONS: tuple[Precision, ...] = ("auto", "fp32", "bf16")


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of fine-tuning; the defaults suit a small English data set."""

    epochs: float = 3.0
    learning_rate: float = 5e-5
    # The new head starts from nothing, so it may learn faster than the encoder; None: the same.
    head_learning_rate: float | None = None
    batch_size: int = 16
    max_length: int = 128  # tokens, special ones included
    warmup_share: float = 0.1  # of all steps
    weight_decay: float = 0.01
    patience: int = 2  # evaluations without a better score before stopping; 0: never evaluate early
    frozen_layers: int = 0  # encoder layers, from the input side, that keep their weights
    freeze_embeddings: bool = False
    dropout: float | None = None  # None: as the base encoder was trained
    precision: Precision = "auto"  # auto: bf16 where the processor computes in it
    eval_fraction: float = 0.1
    limit: int | None = None  # rows to train on, and to evaluate on
    seed: int = 0

    def __post_init__(self) -> None:
        _check("epochs", self.epochs, 0 < self.epochs <= 1000, "more than 0, at most 1000")
        _check("learning-rate", self.learning_rate, 0 < self.learning_rate < 1, "between 0 and 1")
        rate = self.head_learning_rate
        _check("head-learning-rate", rate, rate is None or 0 < rate < 1, "between 0 and 1")
        _check("batch-size", self.batch_size, self.batch_size >= 1, "1 or more")
        _check("max-length", self.max_length, self.max_length >= 8, "8 tokens or more")
        _check("warmup-share", self.warmup_share, 0 <= self.warmup_share < 1, "from 0 to below 1")
        _check("weight-decay", self.weight_decay, 0 <= self.weight_decay < 1, "from 0 to below 1")
        _check("patience", self.patience, self.patience >= 0, "0 or more")
        _check("frozen-layers", self.frozen_layers, self.frozen_layers >= 0, "0 or more")
        dropout = self.dropout
        _check("dropout", dropout, dropout is None or 0 <= dropout < 1, "from 0 to below 1")
        fraction = self.eval_fraction
        _check("eval-fraction", fraction, 0 < fraction <= 0.5, "more than 0, at most 0.5")
        _check("limit", self.limit, self.limit is None or self.limit >= 2, "2 rows or more")


def _check(option: str, value: object, is_good: bool, limits: str) -> None:
    if not is_good:
        raise SettingError(f"--{option} {value} is out of its limits: {limits}")
