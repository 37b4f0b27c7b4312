"""Packs encodings into one row of tokens without padding, and unpacks its logits.

This module alone defines what a packed graph reads and writes. Its inputs, all int32:

    input_ids           [1, tokens]              the texts one after the other
    token_type_ids      [1, tokens]              only for graphs that tell token types apart
    position_ids        [1, tokens]              0, 1, 2, ... restarting for each text
    cumulative_lengths  [sequences + 1]          where each text begins, and where the last ends
    token_offset        [sequences, longest]     positions in the padded layout: first those of
                                                 the tokens, then those of the padding

`token_offset` has the form that ONNX Runtime's PackedMultiHeadAttention expects. The graph's one
output is `logits`, fp32: [sequences, labels] of a classifier, [tokens, labels] of a tagger.

A graph captured for one size also runs smaller batches: surplus tokens belong to no text, surplus
sequences are empty, and a larger `longest` means more padding.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from app.engine.text.encoding import Encoding, Logits

PackedIds = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Extent:
    """Sizes of a packed batch.

    Attributes:
        tokens: of all texts together.
        sequences: texts, at least one.
        longest: tokens of the longest text.
    """

    tokens: int
    sequences: int
    longest: int

    def holds(self, other: "Extent") -> bool:
        """Tell whether a batch of the other extent can be laid out in this one."""
        return (
            self.tokens >= other.tokens
            and self.sequences >= other.sequences
            and self.longest >= other.longest
            and self.tokens <= self.sequences * self.longest  # each token has a padded position
        )


def measure(encodings: Sequence[Encoding]) -> Extent:
    """Return the smallest extent that holds these encodings."""
    lengths = [len(encoding.ids) for encoding in encodings]
    return Extent(sum(lengths), len(lengths), max(lengths))


def pack(
    encodings: Sequence[Encoding], inputs: Sequence[str], extent: Extent | None = None
) -> dict[str, PackedIds]:
    """Return the named inputs, int32 and contiguous, in the shapes at the head of this module.

    Args:
        encodings: at least one, none of them empty.
        extent: sizes to fill up to, with tokens of id, type and position 0 that belong to no text,
            and with empty sequences, which repeat the last cumulative length.

    Raises:
        ValueError: the extent is too small for the encodings, or has more tokens than places.
    """
    least = measure(encodings)
    extent = extent or least
    if not extent.holds(least):
        raise ValueError(
            f"{least} does not fit into {extent}; take an extent that is no smaller anywhere and "
            "has at most sequences x longest tokens"
        )
    lengths = np.fromiter((len(e.ids) for e in encodings), np.int32, len(encodings))
    ends = np.cumsum(lengths, dtype=np.int32)
    makers: dict[str, Callable[[], PackedIds]] = {
        "input_ids": lambda: _join([e.ids for e in encodings], extent),
        "token_type_ids": lambda: _join([e.type_ids for e in encodings], extent),
        "position_ids": lambda: _join([_count_positions(lengths, ends)], extent),
        "cumulative_lengths": lambda: _fill_up(ends, extent),
        "token_offset": lambda: _place_tokens(lengths, ends, extent),
    }
    return {name: makers[name]() for name in inputs}


def unpack(logits: Logits, encodings: Sequence[Encoding], *, per_token: bool) -> list[Logits]:
    """Return each encoding's logits as views: [labels], or [tokens, labels] of a tagger.

    Args:
        logits: [sequences, labels] or [tokens, labels]; rows after the encodings' are dropped.
        per_token: whether the graph is a tagger's.
    """
    if not per_token:
        return list(logits[: len(encodings)])
    ends = np.cumsum([len(encoding.ids) for encoding in encodings]).tolist()
    return [logits[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def _join(pieces: Sequence[npt.NDArray[np.integer]], extent: Extent) -> PackedIds:
    joined = np.zeros((1, extent.tokens), np.int32)
    size = sum(map(len, pieces))
    np.concatenate(pieces, out=joined[0, :size], casting="same_kind")
    return joined


def _count_positions(lengths: PackedIds, ends: PackedIds) -> PackedIds:
    return np.arange(ends[-1], dtype=np.int32) - np.repeat(ends - lengths, lengths)


def _fill_up(ends: PackedIds, extent: Extent) -> PackedIds:
    cumulative = np.full(extent.sequences + 1, ends[-1], np.int32)
    cumulative[0] = 0
    cumulative[1 : len(ends) + 1] = ends
    return cumulative


def _place_tokens(lengths: PackedIds, ends: PackedIds, extent: Extent) -> PackedIds:
    rows = np.arange(len(lengths), dtype=np.int32) * extent.longest
    taken = np.arange(ends[-1], dtype=np.int32) + np.repeat(rows - (ends - lengths), lengths)
    free = np.ones(extent.sequences * extent.longest, np.bool_)
    free[taken] = False
    places = np.empty((extent.sequences, extent.longest), np.int32)
    places.reshape(-1)[: len(taken)] = taken
    places.reshape(-1)[len(taken) :] = np.flatnonzero(free)
    return places
