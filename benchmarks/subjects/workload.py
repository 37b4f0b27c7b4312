"""Makes one seeded workload: real texts of mixed lengths."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

SEED = 20_240_601
MEDIAN_TOKENS = 22
# With this spread one text in a thousand would exceed MAX_TOKENS and is cut.
SIGMA = 0.68
MIN_TOKENS = 4
MAX_TOKENS = 180
LONG_TOKENS = 512

# Gives the offsets of each token of a text, without special tokens.
Offsets = Callable[[str], Sequence[tuple[int, int]]]
SPECIAL_TOKENS = 2


@dataclass(frozen=True, slots=True)
class Workload:
    """Texts in their order of sending.

    Attributes:
        texts: of mixed lengths.
        long_texts: of about LONG_TOKENS each.
    """

    texts: tuple[str, ...]
    long_texts: tuple[str, ...]


def make_workload(
    sources: Sequence[str], offsets: Offsets, count: int, median_tokens: int = MEDIAN_TOKENS
) -> Workload:
    """Join and cut real texts to lognormal lengths; equal arguments give an equal workload."""
    random = np.random.default_rng(SEED)
    lengths = draw_lengths(random, count, median_tokens)
    texts = tuple(_compose(sources, offsets, int(n), random) for n in lengths)
    long_texts = tuple(_compose(sources, offsets, LONG_TOKENS, random) for _ in range(8))
    return Workload(texts, long_texts)


def draw_lengths(
    random: np.random.Generator, count: int, median_tokens: int = MEDIAN_TOKENS
) -> list[int]:
    """Return lognormal lengths in tokens, including special tokens."""
    drawn = random.lognormal(np.log(median_tokens), SIGMA, count)
    return [int(n) for n in np.clip(np.rint(drawn), MIN_TOKENS, MAX_TOKENS)]


def _compose(
    sources: Sequence[str], offsets: Offsets, tokens: int, random: np.random.Generator
) -> str:
    """Return consecutive sources from a random one on, cut to a number of tokens."""
    wanted = tokens - SPECIAL_TOKENS
    at = int(random.integers(len(sources)))
    text = sources[at]
    while len(found := offsets(text)) < wanted:
        at = (at + 1) % len(sources)
        text = f"{text} {sources[at]}"
    return text[: found[wanted - 1][1]]
