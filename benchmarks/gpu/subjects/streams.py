"""Streams of random tokens, of one length or mixed, and their division into batches."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from app.engine.text.encoding import Encoding, blank, without_layout
from benchmarks.gpu.subjects.networks import Network
from benchmarks.subjects.workload import SEED, draw_lengths

Batch = tuple[Encoding, ...]
# Packed: no padding. Padded: rows of the longest length. Bucketed: rows of a few fixed lengths.
Layout = Literal["packed", "padded", "bucketed"]
BUCKETS = (32, 64, 128, 192, 256, 384, 512)
MIXED_TEXTS = 2048
# The texts in the queue of a busy server; batches of like lengths are made among them.
WINDOW = 512
LOWEST_ID = 5


@dataclass(frozen=True, slots=True)
class Stream:
    """The texts of a stream, by their lengths in tokens.

    Attributes:
        name: `mixed`, or the common length.
    """

    name: str
    lengths: tuple[int, ...]

    @property
    def uniform(self) -> bool:
        return len(set(self.lengths)) == 1

    def flops(self, network: Network) -> float:
        """Return the mean operations of a text, on real tokens only."""
        return sum(map(network.flops, self.lengths)) / len(self.lengths)

    def encode(self, network: Network) -> Batch:
        """Return the texts as random tokens, always the same."""
        random = np.random.default_rng(SEED)
        ids = [random.integers(LOWEST_ID, network.vocabulary, n) for n in self.lengths]
        return tuple(without_layout(one, np.zeros_like(one)) for one in ids)


@dataclass(frozen=True, slots=True)
class Setting:
    """The rule by which a stream becomes batches.

    Attributes:
        budget: tokens of a batch, including padding.
        ordered: whether texts are first sorted by length.
    """

    budget: int
    ordered: bool = False

    def __str__(self) -> str:
        return f"{self.budget} tokens" + (", by length" if self.ordered else "")


def uniform(length: int, texts: int = 1024) -> Stream:
    return Stream(str(length), (length,) * texts)


def mixed(texts: int = MIXED_TEXTS) -> Stream:
    return Stream("mixed", tuple(draw_lengths(np.random.default_rng(SEED), texts)))


def make_batches(texts: Sequence[Encoding], setting: Setting, layout: Layout) -> list[Batch]:
    """Return batches within the budget, each with at least one text.

    If all texts have one length, all batches are alike, and only one is returned.
    """
    if len({text.tokens for text in texts}) == 1:
        return [tuple(texts[: max(1, setting.budget // padded_length(texts[:1], layout))])]
    ordered: list[Encoding] = []
    for start in range(0, len(texts), WINDOW):
        window = list(texts[start : start + WINDOW])
        ordered += sorted(window, key=lambda t: t.tokens) if setting.ordered else window
    batches = list(_fill(ordered, setting.budget, layout))
    if layout != "bucketed":
        return batches
    # A fixed shape has rows for the whole budget; blank texts fill the rest.
    return [
        (*batch, *[blank(1, 0)] * (setting.budget // padded_length(batch, layout) - len(batch)))
        for batch in batches
    ]


def padded_length(batch: Sequence[Encoding], layout: Layout) -> int:
    """Return the tokens of each row of the batch, in a layout with rows."""
    longest = max(text.tokens for text in batch)
    if layout != "bucketed":
        return longest
    return next((bucket for bucket in BUCKETS if bucket >= longest), longest)


def _fill(texts: Sequence[Encoding], budget: int, layout: Layout) -> Iterator[Batch]:
    batch: list[Encoding] = []
    for text in texts:
        if batch and _cost([*batch, text], layout) > budget:
            yield tuple(batch)
            batch = []
        batch.append(text)
    yield tuple(batch)


def _cost(batch: Sequence[Encoding], layout: Layout) -> int:
    if layout == "packed":
        return sum(text.tokens for text in batch)
    return len(batch) * padded_length(batch, layout)
