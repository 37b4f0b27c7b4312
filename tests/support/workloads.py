"""Labelled workloads without a checkpoint: logits as the test wants them."""

from collections.abc import Sequence

import numpy as np

from app.bundle.base import ProblemType, TagScheme
from app.engine.text.encoding import EncodedInput, Logits, TextInput
from export.checkpoint.config import ModelConfig
from export.reference.examples import Example
from export.reference.workload import Workload
from tests.support.encodings import laid_out


def classifier(labels: Sequence[str], problem_type: ProblemType = "single_label") -> ModelConfig:
    return ModelConfig("B", "bert", "sequence-classification", problem_type, tuple(labels), None)


def tagger(labels: Sequence[str], scheme: TagScheme) -> ModelConfig:
    return ModelConfig("B", "bert", "token-classification", "single_label", tuple(labels), scheme)


def words(text: str) -> EncodedInput:
    """Encode each word as one token between two special ones; a word with # goes on with the last.

    As with WordPiece, `#` is no part of the text's words: write "Ber #lin" for a torn word.
    """
    starts = [i for i in range(len(text)) if i == 0 or text[i - 1] == " "]
    offsets = [(0, 0), *((i, i + len(text[i:].split()[0])) for i in starts), (0, 0)]
    subwords = [False, *(text[i] == "#" for i in starts), False]
    ids = np.arange(len(offsets))
    encoding = laid_out(ids, offsets, range(1, len(offsets) - 1), subwords)
    return EncodedInput(TextInput(text), (encoding,), False, 0)


def labelled(examples: Sequence[Example], logits: Sequence[Logits]) -> Workload:
    sources = tuple(example.source for example in examples)
    encoded = tuple(words(source.text) for source in sources)
    return Workload(sources, tuple(examples), encoded, tuple(logits), (0,))
