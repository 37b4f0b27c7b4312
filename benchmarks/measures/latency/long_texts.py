"""Latency of short texts while long ones are served too."""

from collections.abc import Sequence
from statistics import median

from benchmarks.load.arrivals import poisson
from benchmarks.load.open_loop import open_loop
from benchmarks.measures.latency.single_client import run_seconds
from benchmarks.plan import LONG_LOAD, LONG_SHARE
from benchmarks.report.statistics import percentile
from benchmarks.servers.peers.model import Model

# Loops without and with long texts alternate, so that both meet the machine at the same speed.
TURNS = 3


def measure_long_texts(
    port: int,
    short: Sequence[bytes],
    long: Sequence[bytes],
    capacity: float,
    seconds: float,
    seed: int,
) -> dict[str, float]:
    """Compare the latency of short texts, at the same rate, without and with long ones.

    Args:
        seconds: of each loop; TURNS are without long texts and TURNS with them.

    Returns:
        Seconds: the 99th percentile of short texts `without` and `with` long ones, and `growth`.
    """
    rate, every = LONG_LOAD * capacity, round(1 / LONG_SHARE)
    without: list[float] = []
    beside: list[float] = []
    for turn in range(TURNS):
        due = poisson(rate, seconds, TURNS * seed + turn)
        without += open_loop(port, short, due).latencies()
        due = poisson(rate / (1 - LONG_SHARE), seconds, TURNS * seed + turn)
        mixed = [
            long[n // every % len(long)] if n % every == 0 else short[n % len(short)]
            for n in range(len(due))
        ]
        found = open_loop(port, mixed, due)
        beside += [one.latency_seconds for one in found.answers if one.number % every]
    alone, p99 = percentile(without, 0.99), percentile(beside, 0.99)
    return {"without": alone, "with": p99, "growth": p99 - alone}


def long_run_seconds(model: Model, texts: Sequence[str]) -> float:
    """Return the median raw session run of one long text."""
    return median(run_seconds(model, model.encode(text)) for text in texts)
