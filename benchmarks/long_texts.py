"""What long texts do to short ones that come meanwhile."""

from collections.abc import Sequence
from statistics import median

from benchmarks.arrivals import poisson
from benchmarks.bare import BareModel
from benchmarks.open_loop import open_loop
from benchmarks.plan import LONG_LOAD, LONG_SHARE
from benchmarks.statistics import percentile


def measure_long_texts(
    port: int,
    short: Sequence[bytes],
    long: Sequence[bytes],
    capacity: float,
    seconds: float,
    seed: int,
) -> dict[str, float]:
    """Compare the short texts' latency at the same rate of short texts, without and with long.

    Returns:
        Seconds: the 99th percentile of short texts `without` and `with` long ones, and `growth`.
    """
    rate, every = LONG_LOAD * capacity, round(1 / LONG_SHARE)
    due = poisson(rate, seconds, seed)
    without = percentile(open_loop(port, short, due).latencies(), 0.99)
    numbers = range(len(due) + len(due) // every)
    mixed = [
        long[n // every % len(long)] if n % every == 0 else short[n % len(short)] for n in numbers
    ]
    found = open_loop(port, mixed, poisson(rate / (1 - LONG_SHARE), seconds, seed)[: len(mixed)])
    beside = [one.latency_seconds for one in found.answers if one.number % every]
    p99 = percentile(beside, 0.99)
    return {"without": without, "with": p99, "growth": p99 - without}


def long_run_seconds(model: BareModel, texts: Sequence[str]) -> float:
    """Return the bare session run of one long text, alone."""
    return median(model.seconds(model.encode(text)) for text in texts)
