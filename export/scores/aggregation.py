"""Choose the aggregation strategy that reads a checkpoint's entities best on labelled texts."""

import dataclasses
from collections.abc import Mapping
from typing import get_args

from app.bundle import AggregationStrategy
from export.checkpoint.config import ModelConfig
from export.reference.evaluation import evaluate
from export.reference.workload import Workload

# `first` suits words cut into sub-words, so only a clear gain replaces it. There is one if a
# tokenizer does not mark sub-words and the script has no blanks: `first`, `average` and `max` then
# take a whole Chinese text for one word, as transformers' pipeline does.
PREFERRED: AggregationStrategy = "first"
CLEAR_GAIN = 0.005


def measure_strategies(
    config: ModelConfig, workload: Workload
) -> Mapping[AggregationStrategy, float]:
    """Return F1 of whole entities by strategy; empty for other tasks or without labels."""
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
    """Return `first`, or the strategy with the best F1 if that is clearly better."""
    if not measured:
        return PREFERRED
    best = max(measured, key=lambda strategy: measured[strategy])
    return best if measured[best] - measured[PREFERRED] > CLEAR_GAIN else PREFERRED
