"""One whole benchmark: rounds, latencies, files."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import tokenizers

from benchmarks.measures.capacity import measure_capacity, tune
from benchmarks.measures.latency import measure_latency
from benchmarks.plan import AGREEMENT, OBJECTIVE_SECONDS, Plan
from benchmarks.report.machine import describe_machine
from benchmarks.report.plots import draw_capacity, draw_latency
from benchmarks.report.report import render
from benchmarks.servers import contenders
from benchmarks.servers.contenders import CLASSMARK, PLAIN, PLAIN_ONE_THREAD, Contender
from benchmarks.session import Bench, make_bench, say
from benchmarks.subjects.bundles import base, minilm


def run(plan: Plan, checkpoint: Path, folder: Path, out: Path) -> None:
    """Measure, and write results.json, results.md and the plots (with -quick for that plan)."""
    say("bundles")
    folder.mkdir(parents=True, exist_ok=True)
    sources = checkpoint / "eval.jsonl"
    bench = make_bench(minilm(checkpoint, folder), plan, folder, sources)
    field = contenders.FULL if plan.tune else contenders.QUICK
    subjects: list[dict[str, Any]] = []
    results = {
        "plan": plan.name,
        "rounds": plan.rounds,
        "when": datetime.now(UTC).date().isoformat(),
        "objective_seconds": OBJECTIVE_SECONDS,
        "machine": describe_machine(),
        "workload": _describe_workload(bench),
        "subjects": subjects,
    }

    def keep(found: dict[str, Any]) -> None:
        """Write after every subject: an hour's work should survive its last minute."""
        subjects.append(found)
        write(results, out, "" if plan.name == "full" else f"-{plan.name}")

    keep(_measure(bench, tune(bench, field) if plan.tune else field, latency=True))
    if plan.strict:
        strict = make_bench(minilm(checkpoint, folder, AGREEMENT), plan, folder, sources)
        keep(_measure(strict, (CLASSMARK,), latency=False))
    if plan.base:
        large = make_bench(base(checkpoint, folder), plan, folder, sources)
        keep(_measure(large, (CLASSMARK, PLAIN, PLAIN_ONE_THREAD), latency=False))


def write(results: dict[str, Any], out: Path, suffix: str) -> None:
    """Write the files of a run into a folder."""
    out.mkdir(parents=True, exist_ok=True)
    (out / f"results{suffix}.json").write_text(json.dumps(results, indent=1) + "\n")
    (out / f"results{suffix}.md").write_text(render(results))
    for subject in results["subjects"]:
        draw_capacity(subject, out / f"capacity-{subject['name']}{suffix}.svg")
        if subject["latency"]:
            path = out / f"latency-{subject['name']}{suffix}.svg"
            draw_latency(subject, results["objective_seconds"], path)
    say(f"wrote {out / f'results{suffix}.md'}")


def _measure(bench: Bench, field: Sequence[Contender], *, latency: bool) -> dict[str, Any]:
    found = measure_capacity(bench, field)
    subject = bench.subject
    measured: dict[str, Any] = {
        "title": subject.title,
        "name": subject.name,
        "precision": subject.precision,
        "agreement": subject.agreement,
        "parameters": subject.manifest["source"]["parameters"],
        "limit_batch_size": found.limit.batch_size,
        "limit_by_batch_size": found.limit.by_batch_size,
        "limits": found.limits,
        "encoding_shares": found.encoding_shares,
        "fp32_shares": found.fp32_shares,
        "contenders": found.contenders,
        "tunings": {one.name: str(one.tuning) for one in field if one.peer is not None},
        "failed": found.failed,
        "latency": None,
    }
    if latency and CLASSMARK.name in found.contenders:
        measured["latency"] = measure_latency(bench)
    return measured


def _describe_workload(bench: Bench) -> dict[str, float]:
    tokenizer = tokenizers.Tokenizer.from_file(str(bench.subject.tokenizer))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    lengths = [len(tokenizer.encode(text).ids) for text in bench.workload.texts]
    return {
        "texts": len(lengths),
        "median_tokens": median(lengths),
        "mean_tokens": sum(lengths) / len(lengths),
        "longest_tokens": max(lengths),
    }
