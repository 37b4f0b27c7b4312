"""Settings that tokenizer.json lacks are honoured, and without them all is as it always was."""

from pathlib import Path
from typing import Any

import pytest

from app.bundle.manifest import TokenizerSettings
from app.engine.text.encoding import TextInput
from app.engine.text.tokenization import Tokenizer
from tests.support.texts import random_texts
from tests.support.tiny import make_checkpoint

LIMIT = 64
ODD = ["good [SEP] bad", "[CLS]", "a[MASK]b [PAD] ##s", " ".join(["[SEP] film"] * 60)]
Loaded = tuple[Tokenizer, Any]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_checkpoint(tmp_path_factory.mktemp("tiny") / "checkpoint")


def load(folder: Path, **settings: Any) -> Loaded:
    """Return a serving tokenizer with these settings, and the checkpoint's own with the same."""
    from transformers import AutoTokenizer

    data = (folder / "tokenizer.json").read_bytes()
    own = Tokenizer(data, LIMIT, 8, TokenizerSettings(**settings), words=True)
    return own, AutoTokenizer.from_pretrained(folder, **settings)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"split_special_tokens": True},
        {"truncation_side": "left"},
        {"truncation_side": "left", "split_special_tokens": True},
    ],
)
def test_texts_and_pairs_are_read_as_the_checkpoints_tokenizer_with_its_settings_reads_them(
    folder: Path, settings: dict[str, Any]
) -> None:
    own, theirs = load(folder, **settings)
    for text in [*ODD, *random_texts(20, seed=8)]:
        for second in (None, "good film", ODD[-1]):
            expected = theirs(text, second, truncation=True, max_length=LIMIT)
            (window,) = own.encode(TextInput(text, second), "truncate", 1).windows
            assert window.ids.tolist() == expected["input_ids"]
            assert window.type_ids.tolist() == expected["token_type_ids"]


@pytest.mark.parametrize("side", ["left", "right"])
def test_windows_come_in_reading_order_with_the_same_overlap_from_either_side(
    folder: Path, side: str
) -> None:
    own, _ = load(folder, truncation_side=side)
    text = " ".join(random_texts(60, seed=9))
    encoded = own.encode(TextInput(text), "window", 999)
    places = [[window.offsets[i] for i in window.content] for window in encoded.windows]
    assert len(places) > 3
    for left, right in zip(places, places[1:], strict=False):
        assert left[-encoded.overlap_tokens :] == right[: encoded.overlap_tokens]


def test_without_token_types_both_texts_of_a_pair_have_the_type_of_a_single_text(
    folder: Path,
) -> None:
    data = (folder / "tokenizer.json").read_bytes()
    typed, untyped = (
        Tokenizer(data, LIMIT, 8, TokenizerSettings(token_types=types)) for types in (True, False)
    )
    pair = TextInput("good film", "bad plot")
    one, other = (t.encode(pair, "truncate", 1).windows[0] for t in (typed, untyped))
    assert one.ids.tolist() == other.ids.tolist()
    assert set(one.type_ids.tolist()) == {0, 1}
    assert set(other.type_ids.tolist()) == {0}


def test_the_checkpoints_tokenizer_says_which_token_is_unknown_and_so_begins_a_word(
    folder: Path,
) -> None:
    data = (folder / "tokenizer.json").read_bytes()
    _, theirs = load(folder)
    piece, unknown = theirs.convert_tokens_to_ids(["##s", "[UNK]"])
    text = TextInput("goods ☃")
    flags = {
        given: Tokenizer(data, LIMIT, 8, TokenizerSettings(unknown_id=given))
        .encode(text, "truncate", 1)
        .windows[0]
        .subwords[1:-1]
        for given in (None, unknown, piece, -1)
    }
    assert flags[None] == flags[unknown] == [False, True, False]
    assert flags[piece] == [False, False, True]
    assert flags[-1] == [False, True, True]
