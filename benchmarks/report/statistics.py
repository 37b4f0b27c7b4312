"""Percentiles, goodput, ratios and spreads."""

import math
from collections.abc import Sequence
from statistics import median


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least this share of the values does not exceed."""
    if not values:
        return math.nan
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def goodput(latencies: Sequence[float], objective_seconds: float, seconds: float) -> float:
    """Return the answers within the objective, each second."""
    return sum(latency <= objective_seconds for latency in latencies) / seconds


def median_ratio(values: Sequence[float], limits: Sequence[float]) -> float:
    """Return the median of the ratios, each value to the limit of its own round."""
    return median(value / limit for value, limit in zip(values, limits, strict=True))


def spread(values: Sequence[float]) -> tuple[float, float]:
    """Return the least and the greatest value."""
    return min(values), max(values)
