"""Stage `engine`: texts a second of every runner, in rounds, beside what the device could give."""

import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

from benchmarks.gpu.device import measure_ceiling
from benchmarks.gpu.lineup import MAKERS, SERVICE, make_runner, settings_for
from benchmarks.gpu.plan import Plan
from benchmarks.gpu.progress import say
from benchmarks.gpu.rounds import Prepared, prepare_best, run_rounds
from benchmarks.gpu.runners import Runner, Subject, Unavailable
from benchmarks.gpu.service_runner import ServiceRunner, load_servable, run_all
from benchmarks.gpu.streams import Setting, Stream, make_batches, mixed, uniform

ALONE_TOKENS = 32
ALONE_RUNS = 200
SESSIONS = (1, 2)


def measure_engine(
    subject: Subject, plan: Plan, keep: Callable[[dict[str, Any]], None] = lambda _: None
) -> dict[str, Any]:
    """Return every stream's rounds, one text alone, and one session against two.

    Args:
        keep: hears of what there is so far, after every stream.
    """
    missing: dict[str, str] = {}
    runners = _make_all(subject, missing)
    found: dict[str, Any] = {
        "title": subject.network.title,
        "recipe": {name: graph.recipe for name, graph in subject.bundle.manifest.graphs.items()},
        "missing": missing,
        "streams": {},
        "alone": {},
        "sessions": {},
    }
    for stream in (*map(uniform, plan.lengths), mixed(plan.texts)):
        say(f"{subject.network.title}, {stream.name}")
        found["streams"][stream.name] = _measure_stream(subject, plan, runners, stream)
        keep(found)
    found["alone"] = _measure_alone(subject, runners)
    found["sessions"] = _measure_sessions(subject, plan, runners)
    for runner in runners:
        runner.close()
    return found


def _make_all(subject: Subject, missing: dict[str, str]) -> list[Runner]:
    runners = []
    for name in MAKERS:
        try:
            runners.append(make_runner(name, subject))
        except Unavailable as exc:
            missing[name] = str(exc)
            say(f"  {name}: {exc}")
    return runners


def _measure_stream(
    subject: Subject, plan: Plan, runners: list[Runner], stream: Stream
) -> dict[str, Any]:
    texts = stream.encode(subject.network)
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
        "flops": stream.flops(subject.network),
        "ceilings": ceilings,
        "failed": failed,
        "runners": {
            one.runner.name: {
                "setting": str(one.setting),
                "tried": one.tried,
                "rates": one.rates,
            }
            for one in contenders
        },
    }


def _measure_alone(subject: Subject, runners: list[Runner]) -> dict[str, float]:
    """Return the median seconds of one text of 32 tokens, each run waited for, in turns."""
    (text,) = uniform(ALONE_TOKENS, 1).encode(subject.network)
    works = {}
    for runner in runners:
        try:
            works[runner.name] = runner, runner.prepare((text,))
        except Exception as exc:  # the stream's table says what fails in general
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
    subject: Subject, plan: Plan, runners: list[Runner]
) -> dict[str, list[float]]:
    """Return the mixed stream's texts/s of each round with one loaded engine and with two."""
    ours = next((one for one in runners if isinstance(one, ServiceRunner)), None)
    if ours is None:
        return {}
    texts = mixed(plan.texts).encode(subject.network)
    settings = settings_for(SERVICE, mixed(plan.texts), small=plan.device == "cpu")
    batches = make_batches(texts, Setting(settings[-1].budget // 2, True), ours.layout)
    try:
        servables = [ours.servable, load_servable(subject)]
    except Unavailable as exc:
        say(f"  a second session: {exc}")
        return {}
    rates: dict[str, list[float]] = {str(count): [] for count in SESSIONS}
    for count in SESSIONS:
        run_all(servables[:count], batches)
    for _ in range(plan.rounds):
        for count in SESSIONS:
            passes, started = 0, time.perf_counter()
            while not passes or time.perf_counter() - started < plan.engine_seconds:
                run_all(servables[:count], batches)
                passes += 1
            rates[str(count)].append(passes * len(texts) / (time.perf_counter() - started))
    return rates
