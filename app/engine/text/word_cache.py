"""Caches a tokenizer's ids of each word: most words of a text were in earlier texts."""

import re
from array import array
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import tokenizers
from tokenizers import models, normalizers, pre_tokenizers

# BERT's normalizer and pre-tokenizer always cut here; some other white space they delete.
_find_words = re.compile(r"[^ \t\n\r]+").findall

# Bounds on memory: 5 MB when full of words of 3 to 12 letters.
MOST_WORDS, LONGEST_WORD = 32_768, 32
# In a text with fewer spaces, such as one in Chinese, the parts between them hardly recur.
CHARACTERS_A_WORD = 12


class WordCache:
    """Encodes a text as the library would, from the library's ids of each word.

    Both are the same where nothing reaches across a space, and so only for BERT's own WordPiece
    tokenizers: their normalizer reads one character at a time, their pre-tokenizer cuts at every
    space, and their model reads one piece at a time.

    Args:
        tokenizer: one that passes `are_enough`; it may truncate, but not pad.
        max_length: texts of fewer tokens are encoded here, special tokens included.
    """

    def __init__(self, tokenizer: tokenizers.Tokenizer, max_length: int) -> None:
        self._tokenizer = tokenizer
        self._most_bytes = 8 * (max_length - 1)
        self._known: dict[str, bytes] = {}
        probe = tokenizer.encode("a")
        own = [i for i, special in enumerate(probe.special_tokens_mask) if not special]
        self._prefix = _pack(probe.ids[: own[0]])
        self._suffix = _pack(probe.ids[own[-1] + 1 :])

    @staticmethod
    def are_enough(tokenizer: tokenizers.Tokenizer) -> bool:
        """Tell whether a text's tokens are those of its words."""
        model = tokenizer.model
        if not (
            isinstance(model, models.WordPiece)
            and isinstance(tokenizer.normalizer, normalizers.BertNormalizer)
            and isinstance(tokenizer.pre_tokenizer, pre_tokenizers.BertPreTokenizer)
        ):
            return False
        added = tokenizer.get_added_tokens_decoder().values()
        if any(re.search(r"\s", token.content) for token in added):
            return False
        if tokenizer.token_to_id(model.unk_token) is None:  # then some words cannot be encoded
            return False
        probe = tokenizer.encode("a")
        return not any(probe.type_ids) and not all(probe.special_tokens_mask)

    def encode(self, text: str) -> npt.NDArray[np.int64] | None:
        """Return the text's token ids, or None where only the library can encode it."""
        words = _find_words(text)
        if len(text) > CHARACTERS_A_WORD * len(words):
            return None
        known = [self._known.get(word) for word in words]
        if None in known:
            new = self._read([word for word, ids in zip(words, known, strict=True) if ids is None])
            known = [new.get(word, ids) for word, ids in zip(words, known, strict=True)]
        data = b"".join([self._prefix, *filter(None, known), self._suffix])
        return np.frombuffer(data, np.int64) if len(data) <= self._most_bytes else None

    def _read(self, words: Iterable[str]) -> dict[str, bytes]:
        """Encode words with the library, all at once, and remember their ids.

        If they exceed the length limit some may lack tokens, but their texts do not fit either.
        """
        new = list(dict.fromkeys(words))
        found = self._tokenizer.encode(new, is_pretokenized=True, add_special_tokens=False)
        ids = [array("q") for _ in new]
        for word, token_id in zip(found.word_ids, found.ids, strict=True):
            ids[word].append(token_id)
        read = {word: own.tobytes() for word, own in zip(new, ids, strict=True)}
        if not found.overflowing:
            self._remember({word: own for word, own in read.items() if len(word) <= LONGEST_WORD})
        return read

    def _remember(self, ids: dict[str, bytes]) -> None:
        if len(self._known) + len(ids) > MOST_WORDS:
            self._known.clear()  # frequent words soon return
        self._known.update(ids)


def _pack(ids: Sequence[int]) -> bytes:
    return array("q", ids).tobytes()
