"""An entity anywhere in a long document comes out once, whole, with its true place."""

import re
from pathlib import Path

import numpy as np
import pytest

from app.bundle.base import AggregationStrategy
from app.engine.answers.decoding import stitch_windows
from app.engine.answers.entities import decode_entities
from app.engine.answers.tags import read_tags
from app.engine.text.encoding import EncodedInput, Logits, TextInput
from app.engine.text.tokenization import Tokenizer
from tests.support.tiny import TOKEN_LABELS, make_checkpoint

STRATEGIES: list[AggregationStrategy] = ["simple", "first"]
TAGS = read_tags(TOKEN_LABELS, "BIO")
TOKENS = 5000
NAME = "angela merkels"
LENGTH = 3  # tokens, the last of them a sub-word
# Tokens from one entity of a text to the next, more than a window moves on: over all offsets an
# entity stands at each position of the text.
SPACING = 50
TAGGED = {"angela": 1, "merkel": 2, "##s": 2}
FILLER = [
    "the",
    "bank",
    "met",
    "a",
    "minister",
    "and",
    "said",
    "it",
    "was",
    "good",
    "for",
    "london",
]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_checkpoint(tmp_path_factory.mktemp("tiny") / "names", TOKEN_LABELS)


@pytest.fixture(scope="module")
def tokenizer(checkpoint: Path) -> Tokenizer:
    return Tokenizer((checkpoint / "tokenizer.json").read_bytes(), 64, stride_tokens=16)


class Tagger:
    """Tags by token alone, so that only encoding, windows and decoding are put to the test."""

    def __init__(self, checkpoint: Path) -> None:
        vocabulary = (checkpoint / "vocab.txt").read_text(encoding="utf-8").split("\n")
        self._logits = np.zeros((len(vocabulary), len(TAGS)), dtype=np.float32)
        self._logits[:, 0] = 9.0
        for word, label in TAGGED.items():
            self._logits[vocabulary.index(word)] = 9.0 * np.eye(len(TAGS))[label]

    def run(self, encoded: EncodedInput) -> list[Logits]:
        return [self._logits[window.ids] for window in encoded.windows]


@pytest.fixture(scope="module")
def tagger(checkpoint: Path) -> Tagger:
    return Tagger(checkpoint)


@pytest.mark.parametrize("offset", range(SPACING))
def test_an_entity_planted_at_any_position_is_found_once_with_its_true_offsets(
    tagger: Tagger, tokenizer: Tokenizer, offset: int
) -> None:
    words = [FILLER[i % len(FILLER)] for i in range(TOKENS)]
    positions = range(offset, TOKENS - LENGTH + 1, SPACING)
    for position in positions:
        words[position : position + LENGTH] = [NAME, *[""] * (LENGTH - 1)]
    text = " ".join(filter(None, words))
    encoded = tokenizer.encode(TextInput(text), "window", max_windows=1000)
    tokens = stitch_windows(encoded, tagger.run(encoded))
    assert len(tokens.offsets) == TOKENS
    starts = [found.start() for found in re.finditer(NAME, text)]
    assert len(starts) == len(positions)
    planted = [("PER", start, start + len(NAME), NAME) for start in starts]
    for strategy in STRATEGIES:
        found = decode_entities(text, tokens, TAGS, strategy)
        assert [(e.entity_group, e.start, e.end, e.word) for e in found] == planted, strategy
