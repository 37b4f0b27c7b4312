"""Plans the sizes that packed batches are captured in, and chooses one for each batch.

A captured graph runs one size only, so a batch is filled up to the next. Tokens rise in steps that
waste a bounded share. The number of texts and the longest come in three families: attention starts
a block for every text and every tile of the longest, and empty blocks cost time too.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import NamedTuple

from app.engine.backends.packing import Extent

# Rows of a text that one block of flash attention processes.
TILE_TOKENS = 128
# (mean tokens of a text, tiles of the longest): room for many short texts, for mixed texts, and for
# long ones. None: as many tiles as the longest text that the model reads.
FAMILIES: tuple[tuple[int, int | None], ...] = ((8, 1), (32, None), (128, None))
# Below about this many tokens the device is not full, and a few more tokens cost nothing.
STEP_TOKENS = 32
WASTE = 0.12
# The steps get coarser by this factor as long as there are more graphs than allowed.
COARSER = 0.97
# A bucket is worth its padding up to this share of the batch plus the cost, in tokens, of starting
# kernels one by one. Both are estimates.
WORTH_SHARE, WORTH_TOKENS = 0.5, 512


class Limits(NamedTuple):
    """Upper limits of one run.

    Attributes:
        places: sequences times tokens of the longest.
    """

    tokens: int
    sequences: int
    places: int

    def hold(self, extent: Extent) -> bool:
        """Tell whether one run can take a batch of this extent."""
        return (
            extent.tokens <= self.tokens
            and extent.sequences <= self.sequences
            and extent.sequences * extent.longest <= self.places
        )


@dataclass(frozen=True, slots=True)
class Ladder:
    """Extents of one family; no size decreases from one to the next."""

    extents: tuple[Extent, ...]

    def first_to_hold(self, least: Extent) -> Extent | None:
        """Return the smallest that holds a batch, and one token more if a sequence is empty.

        An empty sequence at the end begins at that token: its row is read, but not used.
        """
        steps = self.extents
        position = max(
            bisect_left(steps, least.tokens, key=lambda e: e.tokens),
            bisect_left(steps, least.sequences, key=lambda e: e.sequences),
            bisect_left(steps, least.longest, key=lambda e: e.longest),
        )
        if position < len(steps) and steps[position].tokens == least.tokens:
            position += steps[position].sequences > least.sequences
        return steps[position] if position < len(steps) else None


@dataclass(frozen=True, slots=True)
class Buckets:
    """The sizes to capture.

    Attributes:
        extents: each once, the largest first: its memory serves all others too.
        limits: upper limits of one run, captured or not.
    """

    ladders: tuple[Ladder, ...]
    extents: tuple[Extent, ...]
    limits: Limits

    def choose(self, least: Extent) -> Extent | None:
        """Return the cheapest extent for a batch; None where the batch's own size is better."""
        holding = [ladder.first_to_hold(least) for ladder in self.ladders]
        best = min((one for one in holding if one is not None), key=cost, default=None)
        if best is None or cost(best) > (1 + WORTH_SHARE) * cost(least) + WORTH_TOKENS:
            return None
        return best


def plan(max_length: int, budget_tokens: int, most: int) -> Buckets:
    """Return buckets for all batches of a budget, in steps as fine as `most` allows.

    Args:
        max_length: tokens of the longest text.
        budget_tokens: the most tokens of a batch of several texts.
        most: largest number of graphs; each costs device memory, and time as a model loads.

    Raises:
        ValueError: `most` is too small for two graphs of each family.
    """
    least = 2 * len(FAMILIES)
    if most < least:
        raise ValueError(f"{most} graphs are too few; allow {least}, two of each family")
    largest = max(budget_tokens, max_length) + 1
    waste = WASTE
    while True:
        ladders = _make_ladders(token_steps(largest, waste), max_length)
        extents = {extent for ladder in ladders for extent in ladder.extents}
        if len(extents) <= most:
            break
        waste = 1 - (1 - waste) * COARSER
    ordered = sorted(extents, key=lambda e: (cost(e), e.tokens, e.sequences), reverse=True)
    return Buckets(ladders, tuple(ordered), _limits(ordered))


def cost(extent: Extent) -> int:
    """Estimate the cost of a run in tokens: a tile of attention costs about one, even if empty."""
    return extent.tokens + extent.sequences * ceil(extent.longest / TILE_TOKENS)


def token_steps(largest: int, waste: float) -> list[int]:
    """Return rising numbers of tokens, multiples of STEP_TOKENS; the last holds `largest`.

    Args:
        waste: the share of a step that padding may take, in steps longer than the shortest.
    """
    steps, last = [STEP_TOKENS], ceil(largest / STEP_TOKENS) * STEP_TOKENS
    while steps[-1] < last:
        wide = int((steps[-1] + 1) / (1 - waste)) // STEP_TOKENS * STEP_TOKENS
        steps.append(min(last, max(steps[-1] + STEP_TOKENS, wide)))
    return steps


def _make_ladders(steps: Sequence[int], max_length: int) -> tuple[Ladder, ...]:
    ladders = []
    for mean, tiles in FAMILIES:
        longest = max_length if tiles is None else min(max_length, tiles * TILE_TOKENS)
        extents = [_extent(tokens, mean, longest) for tokens in steps]
        # With more tiles than tokens, attention would mostly start empty blocks.
        worth = [e for e in extents if cost(e) <= 2 * e.tokens]
        ladders.append(Ladder(tuple(worth)))
    return tuple(ladders)


def _extent(tokens: int, mean: int, longest: int) -> Extent:
    longest = min(longest, tokens)
    return Extent(tokens, ceil(tokens / min(mean, longest)), longest)


def _limits(extents: Sequence[Extent]) -> Limits:
    return Limits(
        max(e.tokens for e in extents),
        max(e.sequences for e in extents),
        max(e.sequences * e.longest for e in extents),
    )
