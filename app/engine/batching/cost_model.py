"""Models the cost of a batch on this device: measured at warm-up, used to batch and to admit."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

# Batches whose throughput is within this share of the best count as equally fast; the smallest wins
# because it answers sooner.
NEAR_BEST = 0.97
# The cost of a batch besides its run: to seal it, to wake the event loop and to hand it over. From
# short texts in int8: the loop's time fell by 60 us a text as batches grew from 4.5 to 8 texts.
SERVING_SECONDS = 0.0006
# An entry of this many budgets is long: others should not have to wait for it.
LONG_BUDGETS = 2
MIN_ROUNDS, MAX_ROUNDS, ROUNDS_SECONDS = 2, 6, 1.0
# Times have settled once a round lowers none by more than this share. On a quiet machine the second
# round lowers none by more than 0.06, and the cost is then within 3 % of that of eight rounds.
SETTLED = 0.1


@dataclass(frozen=True, slots=True)
class Cost:
    """A straight line through measured batches: overhead + padded tokens x seconds per token.

    Attributes:
        budget_tokens: padded tokens a batch may have; a single longer entry still runs.
        packed: padding is not computed, so padded tokens equal tokens.
    """

    overhead_seconds: float
    seconds_per_token: float
    budget_tokens: int
    packed: bool = False

    @property
    def overhead_tokens(self) -> float:
        """The fixed cost of a batch, expressed in tokens."""
        return self.overhead_seconds / self.seconds_per_token

    def seconds(self, padded_tokens: int) -> float:
        return self.overhead_seconds + padded_tokens * self.seconds_per_token

    def is_long(self, tokens: int) -> bool:
        """Tell whether an entry alone takes as long as several full batches of others."""
        return tokens >= LONG_BUDGETS * self.budget_tokens

    def padded_tokens(self, lengths: Sequence[int]) -> int:
        """Return the tokens that a batch of entries of these lengths computes."""
        return sum(lengths) if self.packed else max(lengths, default=0) * len(lengths)

    def admits(self, longest: int, count: int, total: int, tokens: int) -> bool:
        """Tell whether an entry should join `count` entries of `total` tokens, `longest` at most.

        Joining saves the overhead of one batch and adds padding. It is worth it while the padding
        costs less than the overhead and the batch stays within the budget.
        """
        if self.packed:
            return total + tokens <= self.budget_tokens
        padded = max(longest, tokens) * (count + 1)
        padding = padded - longest * count - tokens
        return padded <= self.budget_tokens and padding <= self.overhead_tokens


def measure_cost(
    run: Callable[[int, int], float], shapes: Sequence[tuple[int, int]], *, packed: bool = False
) -> Cost:
    """Fit a cost to timed runs.

    Args:
        run: runs a batch of (count, tokens each) and returns its seconds; the overhead of
            serving is added here.
        shapes: the batches to time, again until that is dear or their times have settled; the
            fastest time of each counts, because other work on the machine can only add to it.
        packed: padding is not computed.
    """
    best = dict.fromkeys(shapes, float("inf"))
    spent, rounds, settled = 0.0, 0, False
    while rounds < MIN_ROUNDS or (rounds < MAX_ROUNDS and spent < ROUNDS_SECONDS and not settled):
        settled = True
        for shape in shapes:
            seconds = run(*shape) + SERVING_SECONDS
            settled = settled and seconds >= best[shape] * (1 - SETTLED)
            best[shape] = min(best[shape], seconds)
            spent += seconds
        rounds += 1
    padded = np.array([count * tokens for count, tokens in best], dtype=np.float64)
    times = np.array(list(best.values()))
    # The weights make errors relative; without them the largest shape would decide alone.
    slope, intercept = np.polyfit(padded, times, 1, w=1.0 / times)
    slope = max(float(slope), float(times.min() / padded.max()) * 1e-3)
    rates = padded / times
    fast_enough = padded[rates >= NEAR_BEST * rates.max()]
    return Cost(max(float(intercept), 0.0), slope, int(fast_enough.min()), packed)
