"""Choose the aggregation strategy that reads a checkpoint's entities best on labelled texts."""

import dataclasses
from collections.abc import Mapping
from typing import get_args

from app.bundle.base import AggregationStrategy
from app.engine.text.encoding import TextInput
from app.engine.text.tokenization import Tokenizer
from app.errors import InvalidRequest
from export.checkpoint.config import ModelConfig
from export.checkpoint.load import Checkpoint
from export.reference.evaluation import evaluate
from export.reference.workload import Workload, serving_tokenizer

# Only a clear gain replaces what suits the tokenizer.
CLEAR_GAIN = 0.005
# A full stop begins a word of its own, and so does a character of a script without blanks.
TWO_WORDS = ("a.", "王在")


def usual_strategy(checkpoint: Checkpoint) -> AggregationStrategy:
    """Return the strategy for a tagger of which nothing was measured.

    `first` suits tokenizers that mark where a word goes on. Others know of no words: `first`,
    `average` and `max` then take all between two blanks for one, the full stop with it or a whole
    Chinese text, as transformers' pipeline does.
    """
    tokenizer = serving_tokenizer(checkpoint)
    return "first" if all(_tells_words(tokenizer, text) for text in TWO_WORDS) else "simple"


def _tells_words(tokenizer: Tokenizer, text: str) -> bool:
    """Tell whether a word begins inside the text; true of one that is a single token or unknown."""
    try:
        window = tokenizer.encode(TextInput(text), "truncate", 1).windows[0]
    except InvalidRequest:  # the checkpoint never reads such a text
        return True
    inner = [position for position in window.content if window.offsets[position][0] > 0]
    return not inner or any(not window.subwords[position] for position in inner)


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


def choose_strategy(
    measured: Mapping[AggregationStrategy, float], usual: AggregationStrategy
) -> AggregationStrategy:
    """Return the usual strategy, or the one with the best F1 if that is clearly better."""
    if not measured:
        return usual
    best = max(measured, key=lambda strategy: measured[strategy])
    return best if measured[best] - measured[usual] > CLEAR_GAIN else usual
