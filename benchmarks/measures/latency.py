"""Latency of Classmark in rounds: open loops at shares of its capacity, one client, long texts."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import product
from statistics import median
from typing import Any

from benchmarks.load.arrivals import bursts, poisson
from benchmarks.load.open_loop import Open, open_loop, post
from benchmarks.load.wrk import closed_loop
from benchmarks.measures.long_texts import long_run_seconds, measure_long_texts
from benchmarks.measures.raw_session import BareModel
from benchmarks.measures.single_client import measure_alone
from benchmarks.plan import CONNECTIONS, LOADS, MAX_QUEUE_SECONDS, OBJECTIVE_SECONDS, Plan
from benchmarks.report.statistics import goodput, percentile
from benchmarks.servers.contenders import CLASSMARK
from benchmarks.servers.servers import Server
from benchmarks.session import Bench, say

ADMISSION = {"CLASSMARK_MAX_QUEUE_SECONDS": str(MAX_QUEUE_SECONDS)}
PATTERNS: dict[str, Callable[[float, float, int], list[float]]] = {
    "poisson": poisson,
    "bursts": bursts,
}
SHARES = {"p50": 0.5, "p90": 0.9, "p99": 0.99}
WARM_UP_REQUESTS, WARM_UP_RATE = 200, 100.0
WARM_UP_SECONDS = 1


def measure_latency(bench: Bench) -> dict[str, Any]:
    """Run the rounds; return each of them, and the medians."""
    model = BareModel(bench.subject)
    rounds = [_round(bench, model, number) for number in range(bench.plan.rounds)]
    loads = zip(*(one["open_loop"] for one in rounds), strict=True)
    return {
        "rounds": rounds,
        "open_loop": [_medians(rows) for rows in loads],
        "alone": _medians([one["alone"] for one in rounds]),
        "long_texts": _medians([one["long_texts"] for one in rounds]),
    }


def _medians(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return rows as one: the median of each number that any of them has."""
    found = {}
    for name, first in rows[0].items():
        values = [row[name] for row in rows if row[name] is not None]
        found[name] = first if isinstance(first, str) or not values else median(values)
    return found


def _round(bench: Bench, model: BareModel, number: int) -> dict[str, Any]:
    """Measure on servers that start anew: one with the default queue, and one with ADMISSION."""
    plan, texts = bench.plan, bench.workload.texts
    say(f"{bench.subject.title}: latency, round {number + 1} of {plan.rounds}")
    with bench.serving(CLASSMARK) as server, bench.serving(CLASSMARK, ADMISSION) as limited:
        capacity = partial(_capacity, bench, server, plan.closed_seconds)
        short, long = _requests(server, texts), _requests(server, bench.workload.long_texts)
        _capacity(bench, server, WARM_UP_SECONDS)
        # With the default queue: a refused short text would have no latency to compare.
        beside = measure_long_texts(server.port, short, long, capacity(), plan.open_seconds, number)
        beside["one_run"] = long_run_seconds(model, bench.workload.long_texts)
        say(f"  long texts: p99 of short ones grows by {beside['growth'] * 1e3:.0f} ms")
        open_loop(limited.port, short, [i / WARM_UP_RATE for i in range(WARM_UP_REQUESTS)])
        some = plan.alone_texts
        alone = measure_alone(limited.port, short[:some], texts[:some], model)
        say(f"  one client alone: {alone['over'] * 1e3:.2f} ms over the bare run")
        loads, before = [], capacity()
        for load, pattern in product(LOADS, PATTERNS):
            due = PATTERNS[pattern](load * before, plan.open_seconds, number)
            found, after = open_loop(limited.port, short, due), capacity()
            around = (before + after) / 2
            loads.append({"pattern": pattern, "load": load, **_at_load(found, around, plan)})
            before = after
    return {"open_loop": loads, "alone": alone, "long_texts": beside}


def _capacity(bench: Bench, server: Server, seconds: int) -> float:
    """Return the texts a second of a closed loop."""
    bodies = bench.bodies(server)
    closed = closed_loop(server.port, CLASSMARK.path, bodies, CONNECTIONS, seconds)
    return closed.answers_per_second


def _requests(server: Server, texts: Sequence[str]) -> list[bytes]:
    return [post(server.contender.path, server.body(text)) for text in texts]


def _at_load(found: Open, capacity: float, plan: Plan) -> dict[str, Any]:
    """Return what became of the requests of an open loop, in seconds and shares.

    Args:
        capacity: around the loop.
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
        **shares,
    }
