"""Stage `engine`: texts/s of every contender from encodings to logits, both on the host.

All run on two threads, as the service's executors do: one lays a batch out while another runs.
torch.compile comes last, in rounds of its own, because it compiles for most of a minute.
"""

import time
from collections.abc import Mapping, Sequence
from functools import partial
from statistics import median
from typing import Any, NamedTuple

from app.bundle.base import GraphKind
from app.engine.backends.base import Session
from benchmarks.gpu.contenders import (
    CAPTURED,
    COMPILED,
    EAGER,
    PACKED,
    PADDED_FP16,
    TORCH,
    open_contender,
)
from benchmarks.gpu.device import measure_ceiling
from benchmarks.gpu.plan import GpuPlan
from benchmarks.gpu.results import Results
from benchmarks.gpu.subjects.bundles import open_made
from benchmarks.gpu.subjects.networks import NETWORKS, Network
from benchmarks.gpu.subjects.streams import Batch, Setting, encode, make_batches, mixed
from benchmarks.measures.limit import seconds_per_pass
from benchmarks.plan import rotate
from benchmarks.session import say

GROUPS = ((PADDED_FP16, EAGER, CAPTURED, TORCH), (CAPTURED, COMPILED))
BUDGETS = {"cuda": (8192, 16_384, 32_768), "cpu": (256, 512)}
EXECUTORS = 2
ALONE_TOKENS = 32
ALONE_RUNS = 200
TRY_SHARE = 0.25


class Tuned(NamedTuple):
    """A contender with its best batches, and the texts/s of all settings that were tried."""

    session: Session
    batches: list[Batch]
    setting: Setting
    tried: dict[str, float]


def measure(plan: GpuPlan, results: Results) -> None:
    bundle, checkpoint = open_made(plan, plan.base)
    network = NETWORKS[plan.base]
    found: dict[str, Any] = {"title": network.title, "streams": [], "alone": {}}
    sessions: dict[str, Session] = {}
    for group in GROUPS:
        for name in group:
            if name not in sessions:
                with results.part(f"engine: {name}"):
                    sessions[name] = open_contender(name, bundle, checkpoint, plan.device)
        members = {name: sessions[name] for name in group if name in sessions}
        for stream, lengths in (("mixed", mixed(plan.texts)), ("128", (128,) * (plan.texts // 2))):
            say(f"{network.title}, {stream}: {', '.join(members)}")
            texts = encode(lengths, network)
            rows = _measure_stream(plan, results, network, texts, members)
            found["streams"].append({"stream": stream} | rows)
            results.keep("engine", found)
        found["alone"] |= _measure_alone(network, members)
        results.keep("engine", found)


def _measure_stream(
    plan: GpuPlan, results: Results, network: Network, texts: Batch, sessions: Mapping[str, Session]
) -> dict[str, Any]:
    tuned: dict[str, Tuned] = {}
    for name, session in sessions.items():
        with results.part(f"engine: {name}, {len(texts)} texts"):
            tuned[name] = _tune(plan, name, session, texts)
            say(f"  {name}: best with {tuned[name].setting}")
    rates: dict[str, list[float]] = {name: [] for name in tuned}
    ceilings = []
    for number in range(plan.rounds):
        ceilings.append(measure_ceiling(plan.device))
        for name in rotate(tuple(tuned), number):
            rates[name].append(_rate(tuned[name].session, tuned[name].batches, plan.seconds))
    for name, values in rates.items():
        say(f"  {name}: {median(values):.0f} texts/s")
    return {
        "tokens": sum(one.tokens for one in texts) / len(texts),
        "flops": sum(network.flops(one.tokens) for one in texts) / len(texts),
        "ceilings": ceilings,
        "contenders": {
            name: {"setting": str(one.setting), "tried": one.tried, "rates": rates[name]}
            for name, one in tuned.items()
        },
    }


def _tune(plan: GpuPlan, name: str, session: Session, texts: Batch) -> Tuned:
    """Try every budget, in the queue's order and by length; a compiler gets only one setting."""
    kind: GraphKind = "packed" if name in PACKED else "padded"
    orders = (True,) if kind == "padded" else (False, True)
    budgets = BUDGETS[plan.device][1:2] if name == COMPILED else BUDGETS[plan.device]
    tried: dict[str, float] = {}
    best: Tuned | None = None
    for setting in (Setting(budget, order) for budget in budgets for order in orders):
        batches = make_batches(texts, setting, kind)
        _rate(session, batches, 0.0)  # allocates, captures, compiles
        tried[str(setting)] = _rate(session, batches, TRY_SHARE * plan.seconds)
        if best is None or tried[str(setting)] > tried[str(best.setting)]:
            best = Tuned(session, batches, setting, tried)
    assert best is not None  # there are budgets
    return best


def _rate(session: Session, batches: Sequence[Batch], seconds: float) -> float:
    taken = seconds_per_pass(session.run, batches, seconds, EXECUTORS)
    return sum(map(len, batches)) / taken


def _measure_alone(network: Network, sessions: Mapping[str, Session]) -> dict[str, float]:
    """Return the median seconds of one text of 32 tokens; contenders take turns."""
    text = encode((ALONE_TOKENS,), network)
    taken: dict[str, list[float]] = {name: [] for name in sessions}
    runs = {name: partial(session.run, text) for name, session in sessions.items()}
    for _ in range(ALONE_RUNS):
        for name, run in runs.items():
            started = time.perf_counter()
            run()
            taken[name].append(time.perf_counter() - started)
    return {name: median(times) for name, times in taken.items()}
