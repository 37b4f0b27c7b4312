"""Capacity in a closed loop: all contenders take turns in rounds, each beside the limit."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from statistics import mean
from typing import Any

from app.bundle.base import Precision
from benchmarks.errors import BenchmarkError
from benchmarks.load.wrk import closed_loop
from benchmarks.measures.limit import Limit, find_limit
from benchmarks.plan import BATCH_CONNECTIONS, BATCH_TEXTS, CONNECTIONS, TUNE_SECONDS, rotate
from benchmarks.servers.contenders import Contender, Tuning
from benchmarks.servers.servers import Server
from benchmarks.session import BenchmarkSession, say
from benchmarks.subjects.served_model import ServedModel

WARM_UP_SECONDS = 1


@dataclass(slots=True)
class Capacity:
    """The figures of all rounds.

    Attributes:
        limit, fp32: of the served graph, and of the fp32 graph.
        limits: texts/s, measured before the first contender and after each, in that order.
        encoding_shares, fp32_shares: the limit with encoding in the callers, and with the fp32
            graph, as shares of the limit just before and after; one for each round.
        contenders: name to its rounds, each with the `limit` just before and after.
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
        """Measure the limit again; return the mean of this and the previous one."""
        self.limits.append(self.limit.measure())
        say(f"  {'limit':<42} {self.limits[-1]:7.0f} texts/s")
        return mean(self.limits[-2:])

    def as_results(self, served: ServedModel, field: Sequence[Contender]) -> dict[str, Any]:
        """Return the figures as a results file holds them."""
        return {
            "title": served.title,
            "name": served.name,
            "precision": served.precision,
            "agreement": served.agreement,
            "parameters": served.manifest["source"]["parameters"],
            "limit_batch_size": self.limit.batch_size,
            "limit_by_batch_size": self.limit.by_batch_size,
            "limits": self.limits,
            "encoding_shares": self.encoding_shares,
            "fp32_shares": self.fp32_shares,
            "contenders": self.contenders,
            "tunings": {one.name: str(one.tuning) for one in field if one.peer is not None},
            "failed": self.failed,
            "latency": None,
        }


def measure_capacity(session: BenchmarkSession, contenders: Sequence[Contender]) -> Capacity:
    """Run the rounds; note the reason of a contender that fails, and leave it out from then on.

    The machine's speed changes within a minute, so the limit is taken before and after each.
    """
    found = Capacity(_find_limit(session, session.served.precision), _find_limit(session, "fp32"))
    found.measure_limit()
    for number in range(session.plan.rounds):
        say(f"{session.served.title}: round {number + 1} of {session.plan.rounds}")
        for contender in rotate(contenders, number):
            if contender.name not in found.failed:
                _measure(session, contender, found)
        encoding = found.limit.measure(encode=True)
        found.encoding_shares.append(encoding / found.measure_limit())
        fp32 = found.fp32.measure()
        found.fp32_shares.append(fp32 / found.measure_limit())
    return found


def _find_limit(session: BenchmarkSession, precision: Precision) -> Limit:
    limit = find_limit(session.served, precision, session.texts_file, session.plan.limit_seconds)
    say(f"  limit in {precision}: batches of {limit.batch_size}")
    return limit


def _measure(session: BenchmarkSession, contender: Contender, found: Capacity) -> None:
    try:
        with session.serving(contender) as server:
            rows = {contender.name: load_server(session, server, 1, session.plan.closed_seconds)}
            if contender.peer is None:
                name = f"{contender.name}, {BATCH_TEXTS} texts a request"
                rows[name] = load_server(session, server, BATCH_TEXTS, session.plan.closed_seconds)
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


def load_server(
    session: BenchmarkSession, server: Server, each: int, seconds: int, connections: int = 0
) -> dict[str, Any]:
    """Return rates, latencies and CPU time of a closed loop, after a short one to warm up.

    Args:
        each: texts in a request.
        connections: 0 takes those of `make bench`.

    Raises:
        BenchmarkError: no request was answered.
    """
    path = server.contender.path
    connections = connections or (CONNECTIONS if each == 1 else BATCH_CONNECTIONS)
    bodies = session.bodies(server, each)
    closed_loop(server.port, path, bodies, connections, WARM_UP_SECONDS)
    before = server.usage
    closed = closed_loop(server.port, path, bodies, connections, seconds)
    after = server.usage
    if closed.requests == closed.refused:
        raise BenchmarkError(
            f"{server.contender.name} gave no good answer in {seconds} s: {closed.refused} "
            f"refused, {closed.failed} failed"
        )
    texts = len(session.workload.texts) / len(bodies)
    return asdict(closed) | {
        "texts_per_second": closed.answers_per_second * texts,
        "cpu_seconds_per_text": (after.cpu_seconds - before.cpu_seconds)
        / ((closed.requests - closed.refused) * texts),
        "peak_bytes": after.peak_bytes,
        "start_seconds": server.start_seconds,
    }


def tune(session: BenchmarkSession, contenders: Sequence[Contender]) -> list[Contender]:
    """Return the contenders, and after them each tunable one with its best setting."""
    found = list(contenders)
    for contender in contenders:
        rates: dict[Tuning, float] = {}
        for tuning in contender.others:
            one = contender.tuned(tuning)
            try:
                with session.serving(one) as server:
                    row = load_server(session, server, 1, TUNE_SECONDS)
            except BenchmarkError as exc:
                say(f"  {contender.name} with {tuning}: {exc}")
                continue
            rates[tuning] = row["texts_per_second"]
            say(f"  {contender.name} with {tuning}: {rates[tuning]:.0f} texts/s")
        if rates and (best := max(rates, key=lambda t: rates[t])) != contender.tuning:
            found.append(contender.tuned(best, ", tuned"))
    return found
