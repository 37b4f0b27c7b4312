"""One whole benchmark: bundles, rounds, latencies and files."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.measures.capacity import measure_capacity, tune
from benchmarks.measures.latency.under_load import measure_latency
from benchmarks.plan import AGREEMENT, Plan
from benchmarks.report.plots import draw_capacity
from benchmarks.report.report import render_results
from benchmarks.servers import contenders
from benchmarks.servers.contenders import CLASSMARK, PLAIN, PLAIN_ONE_THREAD, Contender
from benchmarks.session import BenchmarkSession, make_session, open_demo_session, say
from benchmarks.subjects.bundles import base, minilm


def run_benchmark(plan: Plan, options: argparse.Namespace) -> None:
    """Measure, and write results.json, results.md and the plots (named -quick for that plan)."""
    say("bundles")
    session = open_demo_session(options, plan)
    checkpoint, folder = options.checkpoint, session.folder
    sources = checkpoint / "eval.jsonl"
    subjects: list[dict[str, Any]] = []
    results = session.describe() | {"subjects": subjects}

    def keep(found: dict[str, Any]) -> None:
        """Write after every model, so that a later failure loses nothing."""
        subjects.append(found)
        write_results(results, options.out, "" if plan.name == "full" else f"-{plan.name}")

    field = tune(session, contenders.FULL) if plan.whole else contenders.QUICK
    keep(_measure(session, field, latency=True))
    if plan.whole:
        strict = make_session(minilm(checkpoint, folder, AGREEMENT), plan, folder, sources)
        keep(_measure(strict, (CLASSMARK,), latency=False))
        large = make_session(base(checkpoint, folder), plan, folder, sources)
        keep(_measure(large, (CLASSMARK, PLAIN, PLAIN_ONE_THREAD), latency=False))


def write_results(results: dict[str, Any], out: Path, suffix: str) -> None:
    """Write the files of a run into a folder."""
    out.mkdir(parents=True, exist_ok=True)
    (out / f"results{suffix}.json").write_text(json.dumps(results, indent=1) + "\n")
    (out / f"results{suffix}.md").write_text(render_results(results))
    for subject in results["subjects"]:
        draw_capacity(subject, out / f"capacity-{subject['name']}{suffix}.svg")
    say(f"wrote {out / f'results{suffix}.md'}")


def _measure(
    session: BenchmarkSession, field: Sequence[Contender], *, latency: bool
) -> dict[str, Any]:
    measured = measure_capacity(session, field).as_results(session.served, field)
    if latency and CLASSMARK.name in measured["contenders"]:
        measured["latency"] = measure_latency(session)
    return measured
