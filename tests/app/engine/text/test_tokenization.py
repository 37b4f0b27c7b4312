"""Encoding: the checkpoint's own ids, code-point offsets, and the three long-text policies."""

import threading
from pathlib import Path

import pytest
import tokenizers

from app.bundle.manifest import TokenizerSettings
from app.engine.text.encoding import TextInput
from app.engine.text.tokenization import Tokenizer
from app.errors import BundleError, InvalidRequest
from tests.support.texts import random_texts
from tests.support.tiny import make_checkpoint
from tests.support.vocabularies import ROBERTA, train_tokenizer


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_checkpoint(tmp_path_factory.mktemp("tiny") / "checkpoint")


@pytest.fixture(scope="module")
def tokenizer(folder: Path) -> Tokenizer:
    return Tokenizer((folder / "tokenizer.json").read_bytes(), max_length=64, stride_tokens=8)


def test_ids_equal_those_of_the_checkpoints_own_tokenizer(
    folder: Path, tokenizer: Tokenizer
) -> None:
    from transformers import AutoTokenizer

    reference = AutoTokenizer.from_pretrained(folder)
    for text in random_texts(200, seed=3):
        expected = reference(text, truncation=True, max_length=64)
        (window,) = tokenizer.encode(TextInput(text), "truncate", 1).windows
        assert window.ids.tolist() == expected["input_ids"]
        assert window.type_ids.tolist() == expected["token_type_ids"]


def test_a_pair_is_encoded_as_the_checkpoints_own_tokenizer_does(
    folder: Path, tokenizer: Tokenizer
) -> None:
    from transformers import AutoTokenizer

    reference = AutoTokenizer.from_pretrained(folder)
    for first, second in zip(random_texts(50, 4), random_texts(50, 5), strict=True):
        expected = reference(first, second, truncation=True, max_length=64)
        (window,) = tokenizer.encode(TextInput(first, second), "truncate", 1).windows
        assert window.ids.tolist() == expected["input_ids"]
        assert window.type_ids.tolist() == expected["token_type_ids"]
        assert all(window.type_ids[i] == 0 for i in window.content)


def test_offsets_count_code_points(tokenizer: Tokenizer) -> None:
    text = "😀 北京 paris"
    (window,) = tokenizer.encode(TextInput(text), "truncate", 1).windows
    words = [text[start:end] for start, end in (window.offsets[i] for i in window.content)]
    assert words == ["😀", "北", "京", "paris"]


def test_truncation_keeps_the_beginning_and_says_so(tokenizer: Tokenizer) -> None:
    encoded = tokenizer.encode(TextInput("good " * 200), "truncate", 1)
    assert (encoded.tokens, encoded.truncated, len(encoded.windows)) == (64, True, 1)
    exact = tokenizer.encode(TextInput("good " * 62), "truncate", 1)
    assert (exact.tokens, exact.truncated) == (64, False)


def test_windows_cover_the_whole_text_and_overlap_by_the_stride(tokenizer: Tokenizer) -> None:
    encoded = tokenizer.encode(TextInput("good " * 200), "window", 64)
    assert not encoded.truncated
    assert all(window.tokens <= 64 for window in encoded.windows)
    spans = [[w.offsets[i] for i in w.content] for w in encoded.windows]
    for before, after in zip(spans, spans[1:], strict=False):
        assert before[-encoded.overlap_tokens :] == after[: encoded.overlap_tokens]
    assert spans[-1][-1][1] == len("good " * 200) - 1


def test_a_text_over_the_length_is_refused_on_request(tokenizer: Tokenizer) -> None:
    with pytest.raises(InvalidRequest, match=r"longer than the model's 64 tokens.*'window'"):
        tokenizer.encode(TextInput("good " * 200), "error", 1)
    assert tokenizer.encode(TextInput("good"), "error", 1).tokens == 3


def test_too_many_windows_are_refused_with_the_number(tokenizer: Tokenizer) -> None:
    with pytest.raises(InvalidRequest, match=r"needs 4 windows of 64 tokens and the limit is 3"):
        tokenizer.encode(TextInput("good " * 200), "window", 3)


def test_a_pair_over_the_length_cannot_be_cut_into_windows(tokenizer: Tokenizer) -> None:
    with pytest.raises(InvalidRequest, match="pair cannot be cut"):
        tokenizer.encode(TextInput("good " * 100, "bad " * 100), "window", 64)


def test_what_is_no_tokenizer_is_refused() -> None:
    with pytest.raises(BundleError, match=r"tokenizer\.json does not load"):
        Tokenizer(b"{}", 64, 8)


def test_other_threads_run_while_a_long_text_is_encoded(tokenizer: Tokenizer) -> None:
    text = "A squad of misfits, and still great fun. " * 5000
    begun, ended = threading.Event(), threading.Event()

    def encode() -> None:
        begun.set()
        tokenizer.encode(TextInput(text), "truncate", 1)
        ended.set()

    thread = threading.Thread(target=encode)
    thread.start()
    begun.wait()
    turns = 0
    while not ended.is_set():
        turns += 1
    thread.join()
    # Without the GIL let go this thread would get a turn at the start at most.
    assert turns > 10_000


@pytest.mark.parametrize("text", ["½ off", "x" * 3000 + " ½"])
def test_a_text_on_which_the_library_panics_is_refused(folder: Path, text: str) -> None:
    from transformers import AutoTokenizer

    fast = AutoTokenizer.from_pretrained(folder)
    fast.add_tokens(["aaaa", "eg", "deb", "\u200c", "ccfc"])  # makes version 0.22 panic
    data = fast.backend_tokenizer.to_str().encode()
    panics = Tokenizer(data, max_length=64, stride_tokens=8)
    with pytest.raises(InvalidRequest, match="tokenizer cannot read this text"):
        panics.encode(TextInput(text), "truncate", 1)


def test_a_text_that_the_tokenizer_has_no_piece_for_is_refused_with_its_reason() -> None:
    import tokenizers as library

    pieces = {"[PAD]": 0, "a": 1, "b": 2}
    bare = library.Tokenizer(library.models.WordPiece(pieces, unk_token="[UNK]"))
    tokenizer = Tokenizer(bare.to_str().encode(), max_length=64, stride_tokens=8)
    assert tokenizer.encode(TextInput("a"), "truncate", 1).tokens == 1
    with pytest.raises(InvalidRequest, match=r"cannot read this text.*\[UNK\]"):
        tokenizer.encode(TextInput("北京"), "truncate", 1)


def test_an_unknown_piece_of_a_unigram_tokenizer_begins_a_word(tmp_path: Path) -> None:
    from tests.support.tokenizers import unigram_checkpoint

    data = (unigram_checkpoint(tmp_path / "unigram") / "tokenizer.json").read_bytes()
    tokenizer = Tokenizer(data, max_length=64, stride_tokens=8)
    (window,) = tokenizer.encode(TextInput("parisüparis"), "truncate", 1).windows
    unknown = [i for i, one in enumerate(window.ids.tolist()) if one == 3]
    assert unknown
    assert not any(window.subwords[i] for i in unknown)


@pytest.mark.parametrize("words", [False, True])
def test_unknown_tokens_are_counted_over_all_windows(folder: Path, words: bool) -> None:
    data = (folder / "tokenizer.json").read_bytes()
    tokenizer = Tokenizer(data, 64, 8, words=words)

    def count(text: str, pair: str | None = None) -> int:
        encoded = tokenizer.encode(TextInput(text, pair), "window", 999)
        unknown = sum(window.ids.tolist().count(1) for window in encoded.windows)
        assert encoded.unknown_tokens == unknown
        return unknown

    assert count("good film") == 0
    assert [count("good ☃ film ☃") for _ in range(2)] == [2, 2]  # of new words, and of known ones
    assert count("good ☃", "☃ film") == 2
    assert count("☃ good " * 200) > 200, "overlaps count each time, as in the number of tokens"


def test_bytes_are_never_unknown(tmp_path: Path) -> None:
    data = train_tokenizer(ROBERTA, ["a good film"]).to_str().encode()
    tokenizer = Tokenizer(data, 64, 8, TokenizerSettings(unknown_id=3))
    assert tokenizer.encode(TextInput("☃ 北京 😀"), "truncate", 1).unknown_tokens == 0


def test_a_token_that_also_ends_a_text_is_not_counted_as_unknown(folder: Path) -> None:
    data = (folder / "tokenizer.json").read_bytes()
    end = tokenizers.Tokenizer.from_buffer(data).token_to_id("[SEP]")
    tokenizer = Tokenizer(data, 64, 8, TokenizerSettings(unknown_id=end))
    assert tokenizer.encode(TextInput("good"), "truncate", 1).unknown_tokens == 0
