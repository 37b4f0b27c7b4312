"""Capacity in a closed loop, every contender in turn in rounds beside the limit."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from statistics import mean, median
from typing import Any

from benchmarks.bench import Bench, say
from benchmarks.contenders import CLASSMARK, Contender, Tuning
from benchmarks.errors import BenchmarkError
from benchmarks.limit import Limit, best_size, measure_limit
from benchmarks.plan import BATCH_CONNECTIONS, BATCH_TEXTS, CONNECTIONS
from benchmarks.servers import Server
from benchmarks.wrk import closed_loop

WARM_UP_SECONDS = 1
# Measured by all sizes it is at most 3 % higher, and takes twice as long.
FP32_BATCH_SIZES = (2, 4)
BATCH_NAME = f"{CLASSMARK.name}, {BATCH_TEXTS} texts a request"


@dataclass(slots=True)
class Capacity:
    """What the rounds found; every list has one value a round, but for failed contenders.

    Attributes:
        before, after, fp32: the limit before and after the round's contenders, and that of fp32.
        contenders: name to its rounds.
        failed: name to the reason.
    """

    before: list[Limit] = field(default_factory=list)
    after: list[Limit] = field(default_factory=list)
    fp32: list[Limit] = field(default_factory=list)
    contenders: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def limits(self) -> list[float]:
        """Texts/s of each round: the mean of before and after, by the best batch size of all."""
        size = best_size([*self.before, *self.after])
        pairs = zip(self.before, self.after, strict=True)
        return [mean([one.by_batch_size[size] for one in pair]) for pair in pairs]

    @property
    def fp32_limits(self) -> list[float]:
        size = best_size(self.fp32)
        return [one.by_batch_size[size] for one in self.fp32]

    @property
    def with_encoding(self) -> float:
        """What is left of the limit where the callers encode too."""
        limits = [*self.before, *self.after]
        size = best_size(limits)
        return median(one.with_encoding / one.by_batch_size[size] for one in limits)


def measure_capacity(bench: Bench, contenders: Sequence[Contender]) -> Capacity:
    """Run the rounds; a contender that fails is named with its reason and left out from then on."""
    found = Capacity()
    for number in range(bench.plan.rounds):
        say(f"{bench.subject.title}: round {number + 1} of {bench.plan.rounds}")
        found.before.append(_limit(bench))
        # Each round starts with another, so that none always follows the same one.
        first = number % len(contenders)
        for contender in (*contenders[first:], *contenders[:first]):
            if contender.name not in found.failed:
                _measure(bench, contender, found)
        found.after.append(_limit(bench))
        fp32 = measure_limit(
            bench.subject,
            bench.texts_file,
            bench.plan.limit_seconds / 2,
            precision="fp32",
            batch_sizes=FP32_BATCH_SIZES,
        )
        found.fp32.append(fp32)
    return found


def _limit(bench: Bench) -> Limit:
    limit = measure_limit(bench.subject, bench.texts_file, bench.plan.limit_seconds)
    say(f"  {'limit':<42} {limit.texts_per_second:7.0f} texts/s")
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
    for name, row in rows.items():
        found.contenders.setdefault(name, []).append(row)
        say(f"  {name:<42} {row['texts_per_second']:7.0f} texts/s")


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
