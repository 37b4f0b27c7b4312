"""Which aggregation strategy reads a checkpoint's entities best, measured on labelled texts."""

import dataclasses
from collections.abc import Mapping
from typing import get_args

from app.bundle import AggregationStrategy
from export.checkpoint.config import ModelConfig
from export.reference.evaluation import evaluate
from export.reference.workload import Workload

# `first` suits words cut into sub-words, so it is left only for a clear gain. That is there where
# a tokenizer does not mark sub-words and the script has no blanks: all of a Chinese text is then
# one word to `first`, `average` and `max`, as in transformers' pipeline.
PREFERRED: AggregationStrategy = "first"
CLEAR_GAIN = 0.005


def measure_strategies(
    config: ModelConfig, workload: Workload
) -> Mapping[AggregationStrategy, float]:
    """Return F1 of whole entities by strategy; empty for another task or without labels."""
    if config.task != "token-classification" or not workload.examples:
        return {}
    strategies: tuple[AggregationStrategy, ...] = get_args(AggregationStrategy)
    return {
        strategy: evaluate(
            config, dataclasses.replace(workload, strategy=strategy), workload.logits
        )["f1"]
        for strategy in strategies
        if strategy != "none"  # gives tokens, not entities
    }


def choose_strategy(measured: Mapping[AggregationStrategy, float]) -> AggregationStrategy:
    """Return `first`, or the strategy with the best F1 where that is clearly better."""
    if not measured:
        return PREFERRED
    best = max(measured, key=lambda strategy: measured[strategy])
    return best if measured[best] - measured[PREFERRED] > CLEAR_GAIN else PREFERRED
