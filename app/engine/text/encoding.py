"""Defines texts as they come in, and encodings as the model reads them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt
import tokenizers

Ids = npt.NDArray[np.int64]
Logits = npt.NDArray[np.float32]

# Of an encoding that the model could not run.
NO_LOGITS: Logits = np.empty(0, dtype=np.float32)


@dataclass(frozen=True, slots=True)
class TextInput:
    """One text, or a pair that the model reads together."""

    text: str
    text_pair: str | None = None

    @property
    def characters(self) -> int:
        return len(self.text) + len(self.text_pair or "")


@dataclass(frozen=True, eq=False)
class Encoding:
    """Token ids of one window of an input, special tokens included.

    Offsets are read on first use, because most answers do not need them.

    Attributes:
        ids, type_ids: int64 arrays [tokens].
        read_source: returns the library's own encoding.
        read_subwords: returns `subwords` from that.
    """

    ids: Ids
    type_ids: Ids
    read_source: Callable[[], tokenizers.Encoding] = field(repr=False)
    read_subwords: Callable[[tokenizers.Encoding], Sequence[bool]] = field(repr=False)

    @cached_property
    def source(self) -> tokenizers.Encoding:
        return self.read_source()

    @cached_property
    def offsets(self) -> Sequence[tuple[int, int]]:
        """Start and end of each token in `text`, in Unicode code points."""
        offsets: list[tuple[int, int]] = self.source.offsets
        return offsets

    @cached_property
    def content(self) -> Sequence[int]:
        """Positions of the tokens that belong to `text`: no special token, not the pair's."""
        return [i for i, sequence in enumerate(self.source.sequence_ids) if sequence == 0]

    @cached_property
    def subwords(self) -> Sequence[bool]:
        """For each position, whether the token continues the word before it."""
        return self.read_subwords(self.source)

    @property
    def tokens(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True, eq=False)
class EncodedInput:
    """An input as the model reads it: one encoding, or several overlapping windows.

    Attributes:
        unknown_tokens: that stand for what the tokenizer does not know; overlaps count each time.
    """

    source: TextInput
    windows: tuple[Encoding, ...]
    truncated: bool
    overlap_tokens: int
    unknown_tokens: int = 0

    @property
    def tokens(self) -> int:
        """Tokens the model reads: special tokens count once per window, overlaps each time."""
        return sum(window.tokens for window in self.windows)


def blank(tokens: int, token_id: int) -> Encoding:
    """Return an encoding without text: one token, repeated."""
    ids = np.full(tokens, token_id, dtype=np.int64)
    return without_layout(ids, np.zeros_like(ids))


def without_layout(ids: Ids, type_ids: Ids) -> Encoding:
    """Return an encoding that can be run but has no offsets."""
    return Encoding(ids, type_ids, tokenizers.Encoding, lambda _: [])
