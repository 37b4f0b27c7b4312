"""Renders the results as Markdown: the check list, then a table for every stage."""

from statistics import median
from typing import Any

from benchmarks.gpu.report.targets import BASE, by_setting, check_all
from benchmarks.report.machine import machine_line
from benchmarks.report.statistics import median_ratio, spread


def render_gpu_results(results: dict[str, Any]) -> str:
    """Return the page of a whole or partial run."""
    parts = [_head(results), _checks(results)]
    for found in results.get("engine", {}).values():
        parts.append(_engine(found))
    for found in results.get("http", {}).values():
        parts.append(_http(found))
    if "parity" in results:
        parts.append(_parity(results["parity"]))
    return "\n\n".join(parts) + "\n"


def _head(results: dict[str, Any]) -> str:
    machine = results["machine"]
    gpu = machine.get("gpu")
    device = (
        f"{gpu['name']}, {gpu['memory_bytes'] / 2**30:.0f} GiB, driver {gpu['driver']}, "
        f"CUDA {gpu['cuda']}"
        if gpu
        else "no GPU"
    )
    return (
        f"# Benchmark on a device\n\n{results['when']}; {device}; {machine_line(machine)}. "
        "Networks of the usual sizes with random weights. Made by `python -m benchmarks.gpu`; "
        "[README.md](README.md) says how."
    )


def _checks(results: dict[str, Any]) -> str:
    lines = [f"Targets (speed: {BASE}):", "", "| target | found | |", "| --- | --- | --- |"]
    lines += [f"| {one.target} | {one.found} | {one.verdict} |" for one in check_all(results)]
    return "\n".join(lines)


def _engine(found: dict[str, Any]) -> str:
    lines = [f"## {found['title']}: engines alone", ""]
    for name, stream in found["streams"].items():
        title = f"Mixed, {stream['tokens']:.1f} tokens on average" if name == "mixed" else (
            f"{name} tokens"
        )  # fmt: skip
        ceiling = median(stream["ceilings"]) / 1e12
        lines += [
            f"{title}; a large matrix product gives {ceiling:.1f} TFLOP/s:",
            "",
            "| | texts/s | (least to most) | TFLOP/s on real tokens | of the ceiling | batches |",
            "| --- | --: | --- | --: | --: | --- |",
            *_engine_rows(stream),
            "",
        ]
    lines += _engine_notes(found)
    return "\n".join(lines).rstrip()


def _engine_rows(stream: dict[str, Any]) -> list[str]:
    rows = []
    for name, one in stream["runners"].items():
        low, high = spread(one["rates"])
        speeds = [rate * stream["flops"] for rate in one["rates"]]
        share = median_ratio(speeds, stream["ceilings"])
        rows.append(
            f"| {name} | {median(one['rates']):,.0f} | {low:,.0f} to {high:,.0f} | "
            f"{median(speeds) / 1e12:.2f} | {share:.0%} | {one['setting']} |"
        )
    return rows + [f"| {name} | | {_line(why)} | | | |" for name, why in stream["failed"].items()]


def _engine_notes(found: dict[str, Any]) -> list[str]:
    lines = [f"- {name}: {_line(reason)}" for name, reason in found["missing"].items()]
    lines += [f"- The {name} graph: {recipe}." for name, recipe in found["recipe"].items()]
    alone = ", ".join(f"{name} {s * 1e3:.2f} ms" for name, s in found["alone"].items())
    lines.append(f"- One text of 32 tokens alone: {alone}.")
    if found["sessions"]:
        one, two = (median(found["sessions"][count]) for count in ("1", "2"))
        lines.append(
            f"- Classmark's engine, mixed, two threads a session: one session {one:,.0f} texts/s, "
            f"two {two:,.0f}."
        )
    return lines


def _http(found: dict[str, Any]) -> str:
    engine = median(found["engine"])
    lines = [
        f"## {found['title']}: over HTTP",
        "",
        f"Texts of {found['tokens']:.1f} tokens on average; the engine alone gives {engine:,.0f} "
        f"texts/s on them.",
        "",
        "| texts a request | front ends | requests/s | texts/s | (least to most) | of the engine | "
        "p99 ms, closed loop | p99 ms at 70 % | failed |",
        "| --: | --: | --: | --: | --- | --: | --: | --: | --: |",
    ]
    for each in dict.fromkeys(row["texts_each"] for row in found["rows"]):
        for workers, rows in by_setting(found, each).items():
            texts = [row["texts_per_second"] for row in rows]
            low, high = spread(texts)
            share = median_ratio(texts, [found["engine"][row["round"]] for row in rows])
            failed = sum(
                row["open_failed"] + row["closed"]["failed"] + row["closed"]["refused"]
                for row in rows
            )
            lines.append(
                f"| {each} | {workers} | {median(r['requests_per_second'] for r in rows):,.0f} | "
                f"{median(texts):,.0f} | {low:,.0f} to {high:,.0f} | {share:.0%} | "
                f"{median(r['closed']['p99'] for r in rows) * 1e3:.1f} | "
                f"{median(r['open_p99'] for r in rows) * 1e3:.1f} | {failed} |"
            )
    alone = ", ".join(f"{s * 1e3:.2f} ms with {w}" for w, s in found["alone"].items())
    missing = [f"- {name}: {_line(why)}" for name, why in found["missing"].items()]
    lines += ["", f"One client alone, front ends: {alone}.", *_reload(found), "", *missing]
    return "\n".join(lines).rstrip()


def _reload(found: dict[str, Any]) -> list[str]:
    one = found.get("reload")
    if not one:
        return []
    line = (
        f"Reload under load: {one['versions']} versions in "
        f"{' and '.join(f'{s:.1f} s' for s in one['seconds'])}, {one['failed']} of "
        f"{one['requests']:,} requests failed"
    )
    if one["memory_before"] is not None:
        before, most, after = (one[f"memory_{when}"] / 1e6 for when in ("before", "most", "after"))
        line += f"; the device's memory {before:,.0f} MB, at most {most:,.0f}, then {after:,.0f}"
    return ["", f"{line}."]


def _parity(found: dict[str, Any]) -> str:
    lines = [
        "## Answers beside the fp32 checkpoint's",
        "",
        "Random weights make near ties, which rounding alone decides; the padded fp16 rows show "
        "the extent. Only rows with a verdict count for the target.",
        "",
        "| | task | by | | compared | same label | largest score difference | |",
        "| --- | --- | --- | --- | --: | --: | --: | --- |",
    ]
    for row in found["rows"]:
        verdict = {True: "holds", False: "short", None: ""}[row["held"]]
        lines.append(
            f"| {row['network']} | {row['task'].partition('-')[0]} | {row['runner']} | "
            f"{row['how']} | {row['compared']} | {row['agreement']:.2%} | "
            f"{row['difference']:.4f} | {verdict} |"
        )
    lines += [""] + [f"- {name}: {_line(why)}" for name, why in found["missing"].items()]
    return "\n".join(lines).rstrip()


def _line(reason: str) -> str:
    return " ".join(reason.replace("|", "/").split())
