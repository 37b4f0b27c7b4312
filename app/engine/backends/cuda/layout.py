"""Lays out the inputs of a packed batch in one buffer, which goes to the device in one copy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from app.engine.backends.cuda.buckets import Limits
from app.engine.backends.packing import Extent, PackedIds

Words = npt.NDArray[np.int32]

# Slices begin at multiples of 256 bytes, like memory that CUDA allocates.
ALIGNMENT_WORDS = 64


class Slice(NamedTuple):
    """One input in the buffer; `start` counts int32 words."""

    name: str
    start: int
    shape: tuple[int, ...]

    def view(self, words: Words) -> PackedIds:
        """Return the input as a view of the buffer."""
        return words[self.start : self.start + prod(self.shape)].reshape(self.shape)


@dataclass(frozen=True, slots=True)
class Layout:
    """The inputs of one extent.

    Attributes:
        words: int32 words from the buffer's beginning to the last input's end.
    """

    extent: Extent
    slices: tuple[Slice, ...]
    words: int

    def write(self, arrays: Mapping[str, PackedIds], words: Words) -> None:
        """Copy the inputs to where they belong."""
        for one in self.slices:
            one.view(words)[...] = arrays[one.name]


def lay_out(extent: Extent, inputs: Sequence[str]) -> Layout:
    """Return where each of a graph's inputs lies, in the order given."""
    slices, start, end = [], 0, 0
    for name in inputs:
        shape = _shape(name, extent)
        slices.append(Slice(name, start, shape))
        end = start + prod(shape)
        start = _aligned(end)
    return Layout(extent, tuple(slices), end)


def words_at_most(limits: Limits, inputs: Sequence[str]) -> int:
    """Return the number of int32 words that hold any batch within the limits."""
    sizes = {"cumulative_lengths": limits.sequences + 1, "token_offset": limits.places}
    return sum(_aligned(sizes.get(name, limits.tokens)) for name in inputs)


def _shape(name: str, extent: Extent) -> tuple[int, ...]:
    if name == "cumulative_lengths":
        return (extent.sequences + 1,)
    if name == "token_offset":
        return (extent.sequences, extent.longest)
    return (1, extent.tokens)


def _aligned(words: int) -> int:
    return -(-words // ALIGNMENT_WORDS) * ALIGNMENT_WORDS
