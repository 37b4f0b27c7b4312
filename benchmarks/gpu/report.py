"""Renders the results as Markdown: the targets, then a table for every stage."""

from collections.abc import Callable, Iterator, Sequence
from statistics import median
from typing import Any

from benchmarks.gpu.contenders import CAPTURED, COMPILED, EAGER, PADDED_FP16, TORCH
from benchmarks.measures.cores import cores_table
from benchmarks.report.machine import machine_line
from benchmarks.report.statistics import median_ratio, spread

Check = tuple[str, str, bool]
# What allocators may keep: less than half of BERT-base in fp16, so that a model left behind shows.
SLACK_BYTES = 96 * 2**20


def render_gpu_results(results: dict[str, Any]) -> str:
    """Return the page of a whole or partial run."""
    renderers: dict[str, Callable[[Any], list[str]]] = {
        "machine": _head, "start": _start, "tests": lambda t: [f"`pytest -m gpu`: {t['line']}"],
        "engine": _engine, "service": _service, "parity": _parity,
        "cores": lambda rows: ["## Cores and workers", "", *cores_table(rows)],
        "failed": _failed,
    }  # fmt: skip
    parts = ["\n".join(render(results[key])) for key, render in renderers.items() if key in results]
    rows = [f"| {what} | {found} | {'holds' if ok else 'short'} |" for what, found, ok in
            check_all(results)]  # fmt: skip
    table = "\n".join(["| target | found | |", "| --- | --- | --- |", *rows])
    return "\n\n".join([*parts[:1], table, *parts[1:]]) + "\n"


def check_all(results: dict[str, Any]) -> list[Check]:
    """Return each target that was measured: what, the figure, and whether it holds."""
    return [
        *_check_answers(results.get("parity", [])),
        *_check_engine(results.get("engine", {}).get("streams", [])),
        *_check_service(results.get("service", {})),
        *_check_cores(results.get("cores", [])),
    ]


def _check_answers(rows: Sequence[dict[str, Any]]) -> Iterator[Check]:
    ours = [row for row in rows if row["contender"] != PADDED_FP16]
    if ours:
        worst, most = min(r["agreement"] for r in ours), max(r["difference"] for r in ours)
        yield ("packed: the checkpoint's label for 99.9 %, scores within 0.005",
               f"at worst {worst:.2%}, {most:.4f}", all(r["held"] for r in ours))  # fmt: skip


def _check_engine(streams: Sequence[dict[str, Any]]) -> Iterator[Check]:
    for row in streams:
        rates = {name: one["rates"] for name, one in row["contenders"].items()}
        ours = max((rates[n] for n in (CAPTURED, EAGER) if n in rates), key=median, default=None)
        least = {PADDED_FP16: 2.0, TORCH: 1.3, COMPILED: 1.3}
        for name in least if ours and row["stream"] == "mixed" else ():
            if name not in rates:
                continue
            ratio = median_ratio(ours or [], rates[name])
            yield f"packed >= {least[name]}x {name}, mixed", f"{ratio:.2f}x", ratio >= least[name]
        if ours and row["stream"] == "128" and PADDED_FP16 in rates:
            rate = median(ours)
            yield "packed >= 14,000 texts/s at 128 tokens", f"{rate:,.0f}", rate >= 14_000


def _check_service(found: dict[str, Any]) -> Iterator[Check]:
    rows = found.get("rows", [])
    many = [row for row in rows if row["texts_each"] > 1]
    ones = [row for row in rows if row["texts_each"] == 1]
    if many and found.get("engine"):
        share = max(row["texts_per_second"] for row in many) / found["engine"]
        yield "HTTP, 32 texts a request >= 80 % of the engine", f"{share:.0%}", share >= 0.8
    if ones:
        best = max(ones, key=lambda row: row["requests_per_second"])
        rate, p99 = best["requests_per_second"], best["open_p99"] * 1e3
        with_ = f"with {best['workers']} workers"
        yield "HTTP, one text a request >= 10,000/s", f"{rate:,.0f} {with_}", rate >= 10_000
        yield "its p99 at 70 % <= 25 ms", f"{p99:.1f} ms", p99 <= 25
    if found.get("alone"):
        alone = min(found["alone"].values()) * 1e3
        yield "HTTP, one text alone <= 2.0 ms", f"{alone:.2f} ms", alone <= 2.0
    if one := found.get("reload"):
        grown = one["memory_after"] - one["memory_before"]
        text = f"{one['failed']} of {one['requests']:,} failed, memory {grown / 1e6:+.0f} MB"
        good = one["failed"] == 0 and one["in_time"] and grown <= SLACK_BYTES
        yield "reload under load: none failed, memory back", text, good


def _check_cores(rows: Sequence[dict[str, Any]]) -> Iterator[Check]:
    if rows:
        most = max(row["cores"] for row in rows)
        share = max(r["texts_per_second"] / r["limit"] for r in rows if r["cores"] == most)
        yield f"CPU, {most} cores: >= 0.9 of the limit", f"{share:.2f}", share >= 0.9


def _head(machine: dict[str, Any]) -> list[str]:
    gpu = machine.get("gpu")
    device = (f"{gpu['name']}, {gpu['memory_bytes'] / 2**30:.0f} GiB, driver {gpu['driver']}, CUDA "
              f"{gpu['cuda']}" if gpu else "no GPU")  # fmt: skip
    return ["# Benchmark on a GPU", "", f"{device}; {machine_line(machine)}. Networks with random "
            "weights, by `python -m benchmarks.gpu`; [README.md](README.md) says how."]  # fmt: skip


def _start(found: dict[str, Any]) -> list[str]:
    lines = [f"- {one['way']}, switches {one['switches'] or 'none'}: "
             f"{'runs' if one['ran'] else 'fails'}" for one in found["tries"]]  # fmt: skip
    return ["Ways to run a packed graph:", "", *lines]


def _engine(found: dict[str, Any]) -> list[str]:
    lines = [f"## {found['title']}: engines alone"]
    for row in found["streams"]:
        lines += [
            "",
            f"{row['stream']}, {row['tokens']:.1f} tokens on average; a large matrix product gives "
            f"{median(row['ceilings']) / 1e12:.0f} TFLOP/s:",
            "",
            "| | texts/s | (least to most) | of the product's operations | batches |",
            "| --- | --: | --- | --: | --- |",
        ]
        for name, one in row["contenders"].items():
            low, high = spread(one["rates"])
            share = median_ratio([rate * row["flops"] for rate in one["rates"]], row["ceilings"])
            lines.append(f"| {name} | {median(one['rates']):,.0f} | {low:,.0f} to {high:,.0f} | "
                         f"{share:.0%} | {one['setting']} |")  # fmt: skip
    alone = ", ".join(f"{name} {seconds * 1e3:.2f} ms" for name, seconds in found["alone"].items())
    return [*lines, "", f"One text of 32 tokens alone: {alone}."]


def _service(found: dict[str, Any]) -> list[str]:
    lines = [
        "## Over HTTP",
        "",
        f"Texts of {found['tokens']:.1f} tokens on average; the engine alone gives "
        f"{found.get('engine', 0):,.0f} texts/s on them.",
        "",
        "| texts a request | workers | requests/s | texts/s | p99 ms at 70 % | failed |",
        "| --: | --: | --: | --: | --: | --: |",
    ]
    for row in found["rows"]:
        failed = row["open_failed"] + row["failed"] + row["refused"]
        lines.append(
            f"| {row['texts_each']} | {row['workers']} | {row['requests_per_second']:,.0f} | "
            f"{row['texts_per_second']:,.0f} | {row['open_p99'] * 1e3:.1f} | {failed} |"
        )
    alone = ", ".join(f"{s * 1e3:.2f} ms with {n}" for n, s in found["alone"].items())
    starts = ", ".join(f"{s:.1f} s with {n}" for n, s in found.get("start_seconds", {}).items())
    return [*lines, "", f"One client alone, by workers: {alone}. Ready after: {starts}."]


def _parity(rows: Sequence[dict[str, Any]]) -> list[str]:
    lines = ["## Answers beside the fp32 checkpoint's", "",
             "| | by | | compared | same label | near ties changed | largest score difference |",
             "| --- | --- | --- | --: | --: | --: | --: |"]  # fmt: skip
    return lines + [
        f"| {row['network']} | {row['contender']} | {row['how']} | {row['compared']} | "
        f"{row['agreement']:.2%} | {row['ties_changed']} | {row['difference']:.4f} |"
        for row in rows
    ]


def _failed(reasons: dict[str, str]) -> list[str]:
    return ["## Not measured", ""] + [
        f"- {part}: {reason.splitlines()[-1][:300]}" for part, reason in reasons.items()
    ]
