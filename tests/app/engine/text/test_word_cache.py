"""Ids put together from remembered words: the library's own, for any text, before and after."""

import random
import string
from collections.abc import Iterator

import pytest
import tokenizers
from tokenizers import models, normalizers, pre_tokenizers, processors

from app.engine.text import word_cache
from app.engine.text.encoding import TextInput
from app.engine.text.tokenization import Tokenizer
from app.engine.text.word_cache import WordCache
from tests.support.texts import random_texts

LIMIT = 64
LETTERS = string.ascii_letters + string.digits + string.punctuation
# Spaces of all kinds, of which BERT deletes some; marks that join the letter before; letters that
# change their number or their form in another case.
ODD = (
    " " * 40 + "\t\n\r\x0b\x0c\x1c\x85\xa0\u2003\u2028\u200b\u200d\ufeff\ufffd\0"
    "\u0301\u0327\u0338é\u1e69ßΣςİıǅﬁ北京が\uac01👩😀𝔸"
)
PIECES = ["[MASK]", "[SEP]", "user_1", "good", "film", "unhappiness", "don't", "3.14%"]
NORMALIZERS = {
    "uncased": normalizers.BertNormalizer(lowercase=True),
    "cased": normalizers.BertNormalizer(lowercase=False),
    "keeps accents": normalizers.BertNormalizer(lowercase=True, strip_accents=False),
    "not cleaned": normalizers.BertNormalizer(clean_text=False, handle_chinese_chars=False),
}


def make_tokenizer(normalizer: normalizers.Normalizer) -> tokenizers.Tokenizer:
    letters = sorted({*LETTERS, *ODD} - {" "})
    pieces = ["[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters[::2], *(f"##{one}" for one in letters)]
    pieces += ["good", "film", "un", "##happi", "##ness", "user"]
    vocabulary = {piece: number for number, piece in enumerate(dict.fromkeys(pieces))}
    made = tokenizers.Tokenizer(
        models.WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=12)
    )
    made.normalizer, made.pre_tokenizer = normalizer, pre_tokenizers.BertPreTokenizer()
    made.add_special_tokens(["[UNK]", "[CLS]", "[SEP]"])
    made.add_special_tokens([tokenizers.AddedToken("[MASK]", lstrip=True)])
    made.add_tokens([tokenizers.AddedToken("user_1", single_word=True)])
    made.post_processor = processors.BertProcessing(("[SEP]", 2), ("[CLS]", 1))
    made.enable_truncation(LIMIT, stride=8)
    return made


def odd_texts(count: int, seed: int) -> Iterator[str]:
    rng = random.Random(seed)
    for _ in range(count):
        parts = (
            rng.choice(PIECES) if rng.random() < 0.2 else rng.choice(LETTERS + ODD)
            for _ in range(rng.randint(0, 60))
        )
        yield "".join(parts)


@pytest.mark.parametrize("normalizer", NORMALIZERS.values(), ids=NORMALIZERS)
def test_ids_are_the_librarys_for_any_text(normalizer: normalizers.Normalizer) -> None:
    library = make_tokenizer(normalizer)
    assert WordCache.are_enough(library)
    remembered = WordCache(library, LIMIT)
    told = 0
    for text in (*odd_texts(3000, seed=1), *random_texts(300, seed=2)):
        ids, expected = remembered.encode(text), library.encode(text)
        told += ids is not None
        if len(expected.ids) == LIMIT:
            assert ids is None, "the text may be longer than the limit"
        assert ids is None or ids.tolist() == expected.ids, repr(text)
    assert told > 1000


def test_the_library_is_asked_about_new_words_only(monkeypatch: pytest.MonkeyPatch) -> None:
    library = make_tokenizer(NORMALIZERS["uncased"])
    remembered = WordCache(library, LIMIT)
    for text in ("a good film", "a film\n\ngood good"):
        ids = remembered.encode(text)
        assert ids is not None
        assert ids.tolist() == library.encode(text).ids
    monkeypatch.setattr(remembered, "_tokenizer", None)
    assert remembered.encode("good a film") is not None


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_cache, "MOST_WORDS", 10)
    library = make_tokenizer(NORMALIZERS["uncased"])
    remembered = WordCache(library, LIMIT)
    for text in random_texts(100, seed=4, longest=8):
        ids = remembered.encode(text)
        assert ids is None or ids.tolist() == library.encode(text).ids
        assert len(remembered._known) <= 10
        assert max(map(len, remembered._known), default=0) <= word_cache.LONGEST_WORD


def test_a_text_without_spaces_is_left_to_the_library() -> None:
    assert WordCache(make_tokenizer(NORMALIZERS["uncased"]), LIMIT).encode("北京" * 10) is None


def test_other_tokenizers_are_left_to_the_library() -> None:
    by_bytes = make_tokenizer(NORMALIZERS["uncased"])
    by_bytes.pre_tokenizer = pre_tokenizers.ByteLevel()
    reaching = make_tokenizer(NORMALIZERS["uncased"])
    reaching.add_tokens(["new york"])
    other = make_tokenizer(normalizers.NFKC())
    typed = make_tokenizer(NORMALIZERS["uncased"])
    typed.post_processor = processors.TemplateProcessing(
        single="[CLS]:1 $A:1 [SEP]:1", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    unknown = make_tokenizer(NORMALIZERS["uncased"])
    unknown.model = models.WordPiece({"[CLS]": 1, "[SEP]": 2, "b": 3}, unk_token="[UNK2]")
    for one in (by_bytes, reaching, other, typed, unknown):
        assert not WordCache.are_enough(one)


def test_layout_is_the_librarys_too() -> None:
    library = make_tokenizer(NORMALIZERS["uncased"])
    data = library.to_str().encode()
    plain, quick = (Tokenizer(data, LIMIT, 8, words=words) for words in (False, True))
    for text in random_texts(200, seed=6, longest=12):
        asked = TextInput(text), "truncate", 1
        (expected,), (window,) = (one.encode(*asked).windows for one in (plain, quick))
        assert window.ids.tolist() == expected.ids.tolist()
        assert window.type_ids.tolist() == expected.type_ids.tolist()
        assert window.offsets == expected.offsets
        assert window.content == expected.content
        assert window.subwords == expected.subwords
