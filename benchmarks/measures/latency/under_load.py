"""Latency of Classmark in rounds: open loops at several loads, one client alone, long texts."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import product
from statistics import median
from typing import Any

from benchmarks.load.arrivals import bursts, poisson
from benchmarks.load.open_loop import OpenLoopResult, open_loop, post
from benchmarks.load.wrk import closed_loop
from benchmarks.measures.latency.long_texts import long_run_seconds, measure_long_texts
from benchmarks.measures.latency.single_client import measure_single_client
from benchmarks.plan import CONNECTIONS, LOADS, MAX_QUEUE_SECONDS, OBJECTIVE_SECONDS, Plan
from benchmarks.report.statistics import goodput, percentile
from benchmarks.servers.contenders import CLASSMARK
from benchmarks.servers.peers.model import Model
from benchmarks.servers.servers import Server
from benchmarks.session import BenchmarkSession, say

ADMISSION = {"CLASSMARK_MAX_QUEUE_SECONDS": str(MAX_QUEUE_SECONDS)}
PATTERNS: dict[str, Callable[[float, float, int], list[float]]] = {
    "poisson": poisson,
    "bursts": bursts,
}
SHARES = {"p50": 0.5, "p90": 0.9, "p99": 0.99}
WARM_UP_REQUESTS, WARM_UP_RATE = 200, 100.0
WARM_UP_SECONDS = 1


def measure_latency(session: BenchmarkSession) -> dict[str, Any]:
    """Return all rounds and their medians."""
    model = Model(session.served.environment() | {"BENCH_THREADS": "1"})
    rounds = [_round(session, model, number) for number in range(session.plan.rounds)]
    loads = zip(*(one["open_loop"] for one in rounds), strict=True)
    return {
        "rounds": rounds,
        "open_loop": [_medians(rows) for rows in loads],
        "alone": _medians([one["alone"] for one in rounds]),
        "long_texts": _medians([one["long_texts"] for one in rounds]),
    }


def _medians(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return one row with the median of each number that any row has."""
    found = {}
    for name, first in rows[0].items():
        values = [row[name] for row in rows if row[name] is not None]
        found[name] = first if isinstance(first, str) or not values else median(values)
    return found


def _round(session: BenchmarkSession, model: Model, number: int) -> dict[str, Any]:
    """Measure on two new servers: one with the default queue, and one with ADMISSION."""
    plan, texts = session.plan, session.workload.texts
    say(f"{session.served.title}: latency, round {number + 1} of {plan.rounds}")
    with session.serving(CLASSMARK) as server, session.serving(CLASSMARK, ADMISSION) as limited:
        capacity = partial(_capacity, session, server, plan.closed_seconds)
        short = make_requests(server, texts)
        long = make_requests(server, session.workload.long_texts)
        _capacity(session, server, WARM_UP_SECONDS)
        # On the default queue, because a refused short text has no latency to compare.
        beside = measure_long_texts(server.port, short, long, capacity(), plan.open_seconds, number)
        beside["one_run"] = long_run_seconds(model, session.workload.long_texts)
        say(f"  long texts: p99 of short ones grows by {beside['growth'] * 1e3:.0f} ms")
        warm_up(limited, short)
        some = plan.alone_texts
        alone = measure_single_client(limited.port, short[:some], texts[:some], model)
        say(f"  one client alone: {alone['over'] * 1e3:.2f} ms over the raw session")
        loads, before = [], capacity()
        for load, pattern in product(LOADS, PATTERNS):
            due = PATTERNS[pattern](load * before, plan.open_seconds, number)
            found, after = open_loop(limited.port, short, due), capacity()
            around = (before + after) / 2
            loads.append(
                {"pattern": pattern, "load": load, **summarise_open_loop(found, around, plan)}
            )
            before = after
    return {"open_loop": loads, "alone": alone, "long_texts": beside}


def _capacity(session: BenchmarkSession, server: Server, seconds: int) -> float:
    """Return the texts a second of a closed loop."""
    closed = closed_loop(server.port, CLASSMARK.path, session.bodies(server), CONNECTIONS, seconds)
    return closed.answers_per_second


def warm_up(server: Server, requests: Sequence[bytes]) -> None:
    """Send a few requests at a low rate."""
    open_loop(server.port, requests, [i / WARM_UP_RATE for i in range(WARM_UP_REQUESTS)])


def make_requests(server: Server, texts: Sequence[str]) -> list[bytes]:
    """Return a request for each text, as bytes ready to send."""
    return [post(server.contender.path, server.body(text)) for text in texts]


def summarise_open_loop(found: OpenLoopResult, capacity: float, plan: Plan) -> dict[str, Any]:
    """Return shares of accepted and refused requests, and their latencies in seconds.

    Args:
        capacity: just before and after the loop.
    """
    accepted, refused = found.latencies(200), found.latencies(429)
    shares = {name: percentile(accepted, share) for name, share in SHARES.items()}
    useful = goodput(accepted, OBJECTIVE_SECONDS, plan.open_seconds) / capacity
    say(
        f"  {found.sent / plan.open_seconds / capacity:4.0%} of capacity: p50 "
        f"{shares['p50'] * 1e3:.1f} ms, p99 {shares['p99'] * 1e3:.1f} ms, goodput {useful:.0%}"
    )
    return {
        "capacity": capacity,
        "goodput_of_capacity": useful,
        "accepted": len(accepted),
        "refused_share": len(refused) / found.sent,
        "failed": found.sent - len(accepted) - len(refused),
        "refusal_p50": percentile(refused, 0.5) if refused else None,
        "refusal_p99": percentile(refused, 0.99) if refused else None,
        **shares,
    }
