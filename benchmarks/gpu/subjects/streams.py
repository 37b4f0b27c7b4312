"""Streams of random tokens, of one length or mixed, and their division into batches."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from app.bundle.base import GraphKind
from app.engine.text.encoding import Encoding, without_layout
from benchmarks.gpu.subjects.networks import Network
from benchmarks.subjects.workload import SEED, draw_lengths

Batch = tuple[Encoding, ...]
# The texts in the queue of a busy server; batches of like lengths are made among them.
WINDOW = 512
LOWEST_ID = 5


class Setting(NamedTuple):
    """The rule by which a stream becomes batches.

    Attributes:
        budget: tokens of a batch, including padding.
        ordered: whether texts are first sorted by length.
    """

    budget: int
    ordered: bool = False

    def __str__(self) -> str:
        return f"{self.budget} tokens" + (", by length" if self.ordered else "")


def mixed(texts: int) -> tuple[int, ...]:
    """Return the lengths of the texts of `make bench`, in tokens."""
    return tuple(draw_lengths(np.random.default_rng(SEED), texts))


def encode(lengths: Sequence[int], network: Network) -> Batch:
    """Return texts of these lengths as random tokens, always the same."""
    random = np.random.default_rng(SEED)
    ids = [random.integers(LOWEST_ID, network.vocabulary, n) for n in lengths]
    return tuple(without_layout(one, np.zeros_like(one)) for one in ids)


def make_batches(texts: Sequence[Encoding], setting: Setting, kind: GraphKind) -> list[Batch]:
    """Return batches within the budget, each with at least one text."""
    ordered: list[Encoding] = []
    for start in range(0, len(texts), WINDOW):
        window = list(texts[start : start + WINDOW])
        ordered += sorted(window, key=lambda t: t.tokens) if setting.ordered else window
    return list(_fill(ordered, setting.budget, kind))


def _fill(texts: Sequence[Encoding], budget: int, kind: GraphKind) -> Iterator[Batch]:
    batch: list[Encoding] = []
    tokens = longest = 0
    for text in texts:
        tokens, longest = tokens + text.tokens, max(longest, text.tokens)
        if batch and (tokens if kind == "packed" else (len(batch) + 1) * longest) > budget:
            yield tuple(batch)
            batch, tokens, longest = [], text.tokens, text.tokens
        batch.append(text)
    yield tuple(batch)
