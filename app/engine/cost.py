"""What a batch costs on this device: measured at warm-up, used to batch and to admit."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

# Batches whose throughput is within this share of the best count as equally fast; the smallest wins
# because it answers sooner.
NEAR_BEST = 0.95
# An entry of more tokens than so many budgets is long: others should not have to wait for it.
LONG_BUDGETS = 2
MIN_ROUNDS, MAX_ROUNDS, ROUNDS_SECONDS = 2, 6, 0.4


@dataclass(frozen=True, slots=True)
class Cost:
    """A straight line through measured batches: overhead + padded tokens x seconds per token.

    Attributes:
        budget_tokens: padded tokens a batch may have; a single longer entry still runs.
    """

    overhead_seconds: float
    seconds_per_token: float
    budget_tokens: int

    @property
    def overhead_tokens(self) -> float:
        """The fixed cost of a batch, expressed in tokens."""
        return self.overhead_seconds / self.seconds_per_token

    def seconds(self, padded_tokens: int) -> float:
        return self.overhead_seconds + padded_tokens * self.seconds_per_token

    def is_long(self, tokens: int) -> bool:
        """Tell whether an entry alone takes as long as several full batches of others."""
        return tokens > LONG_BUDGETS * self.budget_tokens

    def admits(self, longest: int, count: int, tokens: int) -> bool:
        """Tell whether an entry should join `count` entries padded to `longest` tokens.

        Joining saves one batch overhead and costs the padding it brings: worth it while that
        padding is cheaper than the overhead, and while the batch stays in the budget.
        """
        padded = max(longest, tokens) * (count + 1)
        padding = padded - longest * count - tokens
        return padded <= self.budget_tokens and padding <= self.overhead_tokens


def measure_cost(run: Callable[[int, int], float], shapes: Sequence[tuple[int, int]]) -> Cost:
    """Fit a cost to timed runs.

    Args:
        run: runs a batch of (count, tokens each) and returns the seconds it took.
        shapes: the batches to time, again and again while that is cheap; the fastest time of each
            counts, because other work on the machine only ever adds to it.
    """
    best = dict.fromkeys(shapes, float("inf"))
    spent, rounds = 0.0, 0
    while rounds < MIN_ROUNDS or (rounds < MAX_ROUNDS and spent < ROUNDS_SECONDS):
        for shape in shapes:
            seconds = run(*shape)
            best[shape] = min(best[shape], seconds)
            spent += seconds
        rounds += 1
    padded = np.array([count * tokens for count, tokens in best], dtype=np.float64)
    times = np.array(list(best.values()))
    # Weighted so that every shape counts by its relative error, else the largest decides alone.
    slope, intercept = np.polyfit(padded, times, 1, w=1.0 / times)
    slope = max(float(slope), float(times.min() / padded.max()) * 1e-3)
    rates = padded / times
    fast_enough = padded[rates >= NEAR_BEST * rates.max()]
    return Cost(max(float(intercept), 0.0), slope, int(fast_enough.min()))
