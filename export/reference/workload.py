"""Prepare the inputs of all comparisons: texts, encodings, the checkpoint's own logits."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from app.bundle.base import AggregationStrategy
from app.engine.models.servable import WINDOW_STRIDE_TOKENS
from app.engine.text.encoding import EncodedInput, Encoding, Logits, TextInput
from app.engine.text.tokenization import Tokenizer
from export.checkpoint.load import Checkpoint
from export.errors import GateFailed
from export.reference.examples import Example
from export.reference.forward import Features, run_checkpoint
from export.reference.sample_texts import built_in_texts, long_texts

GOLDEN_CASES = 8


@dataclass(frozen=True)
class Workload:
    """Inputs with the checkpoint's own answers, as the serving code encodes them.

    Attributes:
        examples: the labelled rows; their texts are the first inputs.
        logits: one array an input: [labels], or [tokens, labels] for NER.
        golden: positions of the golden cases, from the shortest input to the longest.
        strategy: how entities are read from the logits of tokens.
    """

    inputs: tuple[TextInput, ...]
    examples: tuple[Example, ...]
    encoded: tuple[EncodedInput, ...]
    logits: tuple[Logits, ...]
    golden: tuple[int, ...]
    strategy: AggregationStrategy = "first"

    @cached_property
    def encodings(self) -> list[Encoding]:
        return [one.windows[0] for one in self.encoded]

    @cached_property
    def by_length(self) -> list[int]:
        """Positions of the inputs from the shortest to the longest."""
        return _by_length(self.encoded)

    def sample(self, count: int) -> "Workload":
        """Return about `count` of the inputs, spread over the lengths, golden cases included."""
        return self.select(sorted({*spread(self.by_length, count), *self.golden}))

    def select(self, positions: Sequence[int]) -> "Workload":
        """Return the inputs at these positions, in this order; they include the golden cases."""
        place = {position: index for index, position in enumerate(positions)}
        return Workload(
            inputs=tuple(self.inputs[i] for i in positions),
            examples=tuple(self.examples[i] for i in positions if i < len(self.examples)),
            encoded=tuple(self.encoded[i] for i in positions),
            logits=tuple(self.logits[i] for i in positions),
            golden=tuple(place[i] for i in self.golden),
            strategy=self.strategy,
        )


def _by_length(encoded: Sequence[EncodedInput]) -> list[int]:
    return sorted(range(len(encoded)), key=lambda i: encoded[i].tokens)


def spread(items: Sequence[int], count: int) -> list[int]:
    """Return at most `count` of the items at equal distances, the first and the last included."""
    if len(items) <= count:
        return list(items)
    return [items[i] for i in np.linspace(0, len(items) - 1, count).round().astype(int)]


def serving_tokenizer(checkpoint: Checkpoint) -> Tokenizer:
    """Return the checkpoint's tokenizer as the service loads it."""
    return Tokenizer(
        checkpoint.tokenizer_json,
        checkpoint.max_length,
        WINDOW_STRIDE_TOKENS,
        checkpoint.tokenizer_settings,
    )


def prepare_workload(checkpoint: Checkpoint, examples: Sequence[Example]) -> Workload:
    """Encode the inputs and let the checkpoint answer them.

    A few texts as long as the model reads are joined from labelled examples. Without examples the
    built-in texts are taken, and pairs if the model reads any.

    A regressor has no labels to count, so its examples are texts to compare values on.

    Raises:
        GateFailed: the serving tokenizer gives other ids than the checkpoint's own.
    """
    sources = [example.source for example in examples]
    if sources:
        inputs = sources + long_texts(sources, checkpoint.max_length)
    else:
        inputs = built_in_texts(checkpoint.max_length, pairs=checkpoint.reads_pairs)
    regression = checkpoint.config.problem_type == "regression"
    return answer_inputs(checkpoint, inputs, () if regression else examples)


def answer_inputs(
    checkpoint: Checkpoint, inputs: Sequence[TextInput], examples: Sequence[Example]
) -> Workload:
    """Let the checkpoint answer the inputs, of which the labelled ones come first.

    Raises:
        GateFailed: the serving tokenizer gives other ids than the checkpoint's own.
    """
    tokenizer = serving_tokenizer(checkpoint)
    encoded = tuple(tokenizer.encode(source, "truncate", 1) for source in inputs)
    features = [_features(checkpoint, source) for source in inputs]
    for source, ours, theirs in zip(inputs, encoded, features, strict=True):
        window = ours.windows[0]
        type_ids = theirs.get("token_type_ids", window.type_ids.tolist())
        if (window.ids.tolist(), window.type_ids.tolist()) != (theirs["input_ids"], type_ids):
            raise GateFailed(
                f"tokenizer.json and the checkpoint's {type(checkpoint.tokenizer).__name__} read "
                f"{source.text[:60]!r} as different tokens; save the tokenizer again"
            )
    return Workload(
        inputs=tuple(inputs),
        examples=tuple(examples),
        encoded=encoded,
        logits=run_checkpoint(checkpoint, features),
        golden=tuple(spread(_by_length(encoded), GOLDEN_CASES)),
    )


def _features(checkpoint: Checkpoint, source: TextInput) -> Features:
    features = checkpoint.tokenizer(
        source.text, source.text_pair, truncation=True, max_length=checkpoint.max_length
    )
    return dict(features)
