"""Stage `engine`: texts/s of every runner, in rounds, beside the ceiling of the device."""

import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

from benchmarks.errors import Unavailable
from benchmarks.gpu.device import measure_ceiling
from benchmarks.gpu.plan import GpuPlan
from benchmarks.gpu.runners.base import Runner
from benchmarks.gpu.runners.lineup import MAKERS, SERVICE, make_runner, settings_for
from benchmarks.gpu.runners.service_runner import ServiceRunner, load_servable, measure_rate
from benchmarks.gpu.stages.rounds import Prepared, prepare_best, run_rounds
from benchmarks.gpu.subjects.bundles import LoadedNetwork
from benchmarks.gpu.subjects.streams import Setting, Stream, make_batches, mixed, uniform
from benchmarks.session import say

ALONE_TOKENS = 32
ALONE_RUNS = 200
SESSIONS = (1, 2)


def measure_engine(
    loaded: LoadedNetwork, plan: GpuPlan, keep: Callable[[dict[str, Any]], None] = lambda _: None
) -> dict[str, Any]:
    """Return the rounds of every stream, one text alone, and one session against two.

    Args:
        keep: gets the results so far after every stream.
    """
    missing: dict[str, str] = {}
    runners = _make_all(loaded, missing)
    found: dict[str, Any] = {
        "title": loaded.network.title,
        "recipe": {name: graph.recipe for name, graph in loaded.bundle.manifest.graphs.items()},
        "missing": missing,
        "streams": {},
        "alone": {},
        "sessions": {},
    }
    for stream in (*map(uniform, plan.lengths), mixed(plan.texts)):
        say(f"{loaded.network.title}, {stream.name}")
        found["streams"][stream.name] = _measure_stream(loaded, plan, runners, stream)
        keep(found)
    found["alone"] = _measure_alone(loaded, runners)
    found["sessions"] = _measure_sessions(loaded, plan, runners)
    for runner in runners:
        runner.close()
    return found


def _make_all(loaded: LoadedNetwork, missing: dict[str, str]) -> list[Runner]:
    runners = []
    for name in MAKERS:
        try:
            runners.append(make_runner(name, loaded))
        except Unavailable as exc:
            missing[name] = str(exc)
            say(f"  {name}: {exc}")
    return runners


def _measure_stream(
    loaded: LoadedNetwork, plan: GpuPlan, runners: list[Runner], stream: Stream
) -> dict[str, Any]:
    texts = stream.encode(loaded.network)
    contenders: list[Prepared] = []
    failed: dict[str, str] = {}
    for runner in runners:
        settings = settings_for(runner.name, stream, small=plan.device == "cpu")
        try:
            contenders.append(prepare_best(runner, texts, settings, plan.pilot_seconds))
        except Unavailable as exc:
            failed[runner.name] = str(exc)
        else:
            say(f"  {runner.name}: best with {contenders[-1].setting}")
    ceilings = run_rounds(
        contenders,
        plan.rounds,
        plan.engine_seconds,
        partial(measure_ceiling, plan.device),
        lambda number, rates: say(
            f"  round {number + 1}: "
            + ", ".join(f"{name} {rate:.0f}/s" for name, rate in rates.items())
        ),
    )
    return {
        "tokens": sum(stream.lengths) / len(stream.lengths),
        "flops": stream.flops(loaded.network),
        "ceilings": ceilings,
        "failed": failed,
        "runners": {
            one.runner.name: {"setting": str(one.setting), "tried": one.tried, "rates": one.rates}
            for one in contenders
        },
    }


def _measure_alone(loaded: LoadedNetwork, runners: list[Runner]) -> dict[str, float]:
    """Return the median seconds of one text of 32 tokens; runners take turns, one run at a time."""
    (text,) = uniform(ALONE_TOKENS, 1).encode(loaded.network)
    works = {}
    for runner in runners:
        try:
            works[runner.name] = runner, runner.prepare((text,))
        except Exception as exc:  # the stream's table gives the reason
            say(f"  {runner.name} with one text: {exc}")
    taken: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(ALONE_RUNS):
        for name, (runner, work) in works.items():
            started = time.perf_counter()
            work.run()
            runner.synchronize()
            taken[name].append(time.perf_counter() - started)
    return {name: median(times) for name, times in taken.items()}


def _measure_sessions(
    loaded: LoadedNetwork, plan: GpuPlan, runners: list[Runner]
) -> dict[str, list[float]]:
    """Return texts/s on the mixed stream in each round, with one loaded engine and with two."""
    ours = next((one for one in runners if isinstance(one, ServiceRunner)), None)
    if ours is None:
        return {}
    texts = mixed(plan.texts).encode(loaded.network)
    settings = settings_for(SERVICE, mixed(plan.texts), small=plan.device == "cpu")
    batches = make_batches(texts, Setting(settings[-1].budget // 2, True), ours.layout)
    try:
        servables = [ours.servable, load_servable(loaded)]
    except Unavailable as exc:
        say(f"  a second session: {exc}")
        return {}
    rates: dict[str, list[float]] = {str(count): [] for count in SESSIONS}
    for _ in range(plan.rounds):
        for count in SESSIONS:
            rate = measure_rate(servables[:count], batches, len(texts), plan.engine_seconds)
            rates[str(count)].append(rate)
    return rates
