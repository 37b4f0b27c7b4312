"""Latency of Classmark: open loops at shares of its capacity, one client alone, long texts."""

import time
from collections.abc import Sequence
from statistics import median
from typing import Any

from benchmarks.arrivals import bursts, poisson
from benchmarks.bench import Bench, say
from benchmarks.contenders import CLASSMARK
from benchmarks.one_client import OneClient
from benchmarks.open_loop import open_loop, post
from benchmarks.peers.model import Model
from benchmarks.plan import LOADS, MAX_QUEUE_SECONDS, OBJECTIVE_SECONDS
from benchmarks.servers import Server
from benchmarks.statistics import goodput, percentile

ADMISSION = {"CLASSMARK_MAX_QUEUE_SECONDS": str(MAX_QUEUE_SECONDS)}
LONG_SHARE = 0.02
LONG_LOAD = 0.5
WARM_UP_REQUESTS = 200
ALONE_PASSES, ALONE_TURN = 3, 20
SHARES = {"p50": 0.5, "p90": 0.9, "p99": 0.99}


def measure_latency(bench: Bench, capacity: float) -> dict[str, Any]:
    """Measure everything with one server.

    Args:
        capacity: texts/s of the closed loop.
    """
    with bench.serving(CLASSMARK, ADMISSION) as server:
        requests = _requests(server, bench.workload.texts)
        open_loop(server.port, requests, [i / capacity for i in range(WARM_UP_REQUESTS)])
        loads = [
            _at_load(bench, server, requests, capacity, load, pattern)
            for load in LOADS
            for pattern in ("poisson", "bursts")
        ]
        alone = _alone(bench, server, requests[: bench.plan.alone_texts])
    # The default queue here: a refused short text would have no latency to compare.
    with bench.serving(CLASSMARK) as server:
        long_texts = _beside_long_texts(bench, server, capacity)
    return {"open_loop": loads, "alone": alone, "long_texts": long_texts}


def _requests(server: Server, texts: Sequence[str]) -> list[bytes]:
    return [post(server.contender.path, server.body(text)) for text in texts]


def _at_load(
    bench: Bench,
    server: Server,
    requests: Sequence[bytes],
    capacity: float,
    load: float,
    pattern: str,
) -> dict[str, Any]:
    arrivals = poisson if pattern == "poisson" else bursts
    seconds = bench.plan.open_seconds
    found = open_loop(
        server.port, requests, arrivals(load * capacity, seconds, seed=round(load * 10))
    )
    accepted, refused = found.latencies(200), found.latencies(429)
    shares = {name: percentile(accepted, share) for name, share in SHARES.items()}
    useful = goodput(accepted, OBJECTIVE_SECONDS, seconds) / capacity
    say(
        f"  {pattern:<8} at {load:4.0%} of capacity: p50 {shares['p50'] * 1e3:.1f} ms, "
        f"p99 {shares['p99'] * 1e3:.1f} ms, goodput {useful:.0%}"
    )
    return {
        "pattern": pattern,
        "load": load,
        "offered": found.sent / seconds,
        "goodput": useful * capacity,
        "goodput_of_capacity": useful,
        "accepted": len(accepted),
        "refused": len(refused),
        "failed": found.sent - len(accepted) - len(refused),
        "refusal_p50": percentile(refused, 0.5) if refused else None,
        **shares,
    }


def _alone(bench: Bench, server: Server, requests: Sequence[bytes]) -> dict[str, float]:
    """Send one request at a time, and then run their texts without a server, in short turns.

    The turns are short so that both find the same neighbours on the machine, and longer than a
    text so that each finds the caches as it leaves them itself: the client is alone.
    """
    model = _one_thread_model(bench)
    encoded = [model.encode(text) for text in bench.workload.texts[: len(requests)]]
    client = OneClient(server.port)
    client.ask(requests[0])
    http, bare = [], []
    for _ in range(ALONE_PASSES):
        for at in range(0, len(requests), ALONE_TURN):
            turn = slice(at, at + ALONE_TURN)
            http += [client.ask(request) for request in requests[turn]]
            bare += [_seconds(model, ids) for ids in encoded[turn]]
    client.close()
    over = [own - alone for own, alone in zip(http, bare, strict=True)]
    row = {"http": median(http), "bare": median(bare), "over": median(over)}
    say(f"  one client alone: {row['over'] * 1e3:.2f} ms over the bare run of the same text")
    return row


def _seconds(model: Model, ids: Sequence[int]) -> float:
    started = time.perf_counter()
    model.run([ids])
    return time.perf_counter() - started


def _beside_long_texts(bench: Bench, server: Server, capacity: float) -> dict[str, float]:
    """Compare the short texts' latency at the same rate of short texts, without and with long."""
    short = _requests(server, bench.workload.texts)
    long_texts = _requests(server, bench.workload.long_texts)
    rate, seconds = LONG_LOAD * capacity, bench.plan.open_seconds
    due = poisson(rate, seconds, seed=1)
    without = percentile(open_loop(server.port, short, due).latencies(), 0.99)
    every = round(1 / LONG_SHARE)
    numbers = range(len(due) + len(due) // every)
    mixed = [
        long_texts[n // every % len(long_texts)] if n % every == 0 else short[n % len(short)]
        for n in numbers
    ]
    found = open_loop(
        server.port, mixed, poisson(rate / (1 - LONG_SHARE), seconds, seed=1)[: len(mixed)]
    )
    with_long = percentile(
        [one.latency_seconds for one in found.answers if one.number % every], 0.99
    )
    row = {
        "p99_without": without,
        "p99_with": with_long,
        "one_long_run": _long_run_seconds(bench),
        "share": LONG_SHARE,
        "load": LONG_LOAD,
    }
    say(f"  short texts' p99 {without * 1e3:.0f} ms, beside long ones {with_long * 1e3:.0f} ms")
    return row


def _long_run_seconds(bench: Bench) -> float:
    """Return the bare session run of one long text, alone."""
    model = _one_thread_model(bench)
    return median(_seconds(model, model.encode(text)) for text in bench.workload.long_texts)


def _one_thread_model(bench: Bench) -> Model:
    return Model.from_variables(bench.subject.environment() | {"BENCH_THREADS": "1"})
