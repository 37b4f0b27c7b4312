"""Capacity in a closed loop, every contender in turn in rounds, each beside the limit."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from statistics import mean
from typing import Any

from app.bundle import Precision
from benchmarks.errors import BenchmarkError
from benchmarks.load.wrk import closed_loop
from benchmarks.measures.limit import Limit, find_limit
from benchmarks.plan import BATCH_CONNECTIONS, BATCH_TEXTS, CONNECTIONS
from benchmarks.servers.contenders import CLASSMARK, Contender, Tuning
from benchmarks.servers.servers import Server
from benchmarks.session import Bench, say

WARM_UP_SECONDS = 1
BATCH_NAME = f"{CLASSMARK.name}, {BATCH_TEXTS} texts a request"


@dataclass(slots=True)
class Capacity:
    """What the rounds found.

    Attributes:
        limit, fp32: of the graph served, and of the fp32 graph.
        limits: texts/s, measured before the first contender and after each, in that order.
        encoding_shares, fp32_shares: where the callers encode too, and with the fp32 graph, as
            shares of the limit just before and just after; one a round.
        contenders: name to its rounds, each with the `limit` just before and just after.
        failed: name to the reason.
    """

    limit: Limit
    fp32: Limit
    limits: list[float] = field(default_factory=list)
    encoding_shares: list[float] = field(default_factory=list)
    fp32_shares: list[float] = field(default_factory=list)
    contenders: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    def measure_limit(self) -> float:
        """Measure the limit once more; return the mean of this and the one before."""
        self.limits.append(self.limit.measure())
        say(f"  {'limit':<42} {self.limits[-1]:7.0f} texts/s")
        return mean(self.limits[-2:])


def measure_capacity(bench: Bench, contenders: Sequence[Contender]) -> Capacity:
    """Run the rounds; a contender that fails is named with its reason and left out from then on.

    The machine's speed changes within a minute, so the limit is taken before and after each.
    """
    found = Capacity(_find_limit(bench, bench.subject.precision), _find_limit(bench, "fp32"))
    found.measure_limit()
    for number in range(bench.plan.rounds):
        say(f"{bench.subject.title}: round {number + 1} of {bench.plan.rounds}")
        # Each round starts with another, so that none always follows the same one.
        first = number % len(contenders)
        for contender in (*contenders[first:], *contenders[:first]):
            if contender.name not in found.failed:
                _measure(bench, contender, found)
        encoding = found.limit.measure(encode=True)
        found.encoding_shares.append(encoding / found.measure_limit())
        fp32 = found.fp32.measure()
        found.fp32_shares.append(fp32 / found.measure_limit())
    return found


def _find_limit(bench: Bench, precision: Precision) -> Limit:
    limit = find_limit(bench.subject, precision, bench.texts_file, bench.plan.limit_seconds)
    say(f"  limit in {precision}: batches of {limit.batch_size}")
    return limit


def _measure(bench: Bench, contender: Contender, found: Capacity) -> None:
    try:
        with bench.serving(contender) as server:
            rows = {contender.name: _load(bench, server, 1, bench.plan.closed_seconds)}
            if contender.peer is None:
                rows[BATCH_NAME] = _load(bench, server, BATCH_TEXTS, bench.plan.closed_seconds)
    except BenchmarkError as exc:
        found.failed[contender.name] = str(exc)
        found.contenders.pop(contender.name, None)
        say(f"  {contender.name:<42} left out: {exc}")
        return
    limit = found.measure_limit()
    for name, row in rows.items():
        found.contenders.setdefault(name, []).append(row | {"limit": limit})
        rate = row["texts_per_second"]
        say(f"  {name:<42} {rate:7.0f} texts/s, {rate / limit:.2f} of the limit")


def _load(bench: Bench, server: Server, texts_each: int, seconds: int) -> dict[str, Any]:
    path = server.contender.path
    connections = CONNECTIONS if texts_each == 1 else BATCH_CONNECTIONS
    bodies = bench.bodies(server, texts_each)
    closed_loop(server.port, path, bodies, connections, WARM_UP_SECONDS)
    before = server.usage
    closed = closed_loop(server.port, path, bodies, connections, seconds)
    after = server.usage
    if closed.requests == closed.refused:
        raise BenchmarkError(
            f"{server.contender.name} gave no good answer in {seconds} s: {closed.refused} "
            f"refused, {closed.failed} failed"
        )
    texts = len(bench.workload.texts) / len(bodies)
    return asdict(closed) | {
        "texts_per_second": closed.answers_per_second * texts,
        "cpu_seconds_per_text": (after.cpu_seconds - before.cpu_seconds)
        / ((closed.requests - closed.refused) * texts),
        "peak_bytes": after.peak_bytes,
        "start_seconds": server.start_seconds,
    }


def tune(bench: Bench, contenders: Sequence[Contender]) -> list[Contender]:
    """Add to each contender that can be tuned itself at its best of several settings."""
    found = list(contenders)
    for contender in contenders:
        rates: dict[Tuning, float] = {}
        for tuning in contender.others:
            one = contender.tuned(tuning)
            try:
                with bench.serving(one) as server:
                    row = _load(bench, server, 1, bench.plan.tune_seconds)
            except BenchmarkError as exc:
                say(f"  {contender.name} with {tuning}: {exc}")
                continue
            rates[tuning] = row["texts_per_second"]
            say(f"  {contender.name} with {tuning}: {rates[tuning]:.0f} texts/s")
        if rates and (best := max(rates, key=lambda t: rates[t])) != contender.tuning:
            found.append(contender.tuned(best, ", tuned"))
    return found
