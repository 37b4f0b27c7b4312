"""Renders results as Markdown."""

from collections.abc import Sequence
from statistics import median
from typing import Any

from benchmarks.plan import LONG_LOAD, LONG_SHARE
from benchmarks.report.machine import machine_line
from benchmarks.report.statistics import spread
from benchmarks.servers.contenders import CLASSMARK

PERCENT = "{:.0%}".format


def summarise(subject: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a row for each contender: medians of its rounds, and its ratio to the limit."""
    rows = []
    for name, rounds in subject["contenders"].items():
        shares = [one["texts_per_second"] / one["limit"] for one in rounds]
        rows.append(
            {
                "name": name,
                "ratio": median(shares),
                "spread": spread(shares),
                "texts_per_second": median(one["texts_per_second"] for one in rounds),
                **{key: median(one[key] for one in rounds) for key in MEDIANS},
            }
        )
    return sorted(rows, key=lambda row: -row["ratio"])


MEDIANS = ("p50", "p99", "cpu_seconds_per_text", "peak_bytes", "start_seconds")


def render_results(results: dict[str, Any]) -> str:
    """Return the page of a run."""
    parts = [_head(results)]
    for subject in results["subjects"]:
        parts += [f"## {subject['title']}, {subject['precision']}", _capacity(subject)]
        if subject["failed"]:
            parts.append(_failed(subject["failed"]))
        if subject.get("latency"):
            parts.append(_latency(subject["latency"], results["objective_seconds"]))
    return "\n\n".join(parts) + "\n"


def _head(results: dict[str, Any]) -> str:
    workload = results["workload"]
    return (
        f"# Benchmark: {results['plan']} run\n\n"
        f"{results['when']}; {machine_line(results['machine'])}. {results['rounds']} interleaved "
        "rounds.\n\n"
        f"Workload: {workload['texts']} texts, tokens median {workload['median_tokens']:.0f}, "
        f"mean {workload['mean_tokens']:.1f}, longest {workload['longest_tokens']}. "
        "[README.md](README.md) explains the method."
    )


def _capacity(subject: dict[str, Any]) -> str:
    rows = summarise(subject)
    encoding, fp32 = median(subject["encoding_shares"]), median(subject["fp32_shares"])
    lines = [
        f"Offline limit: median {median(subject['limits']):.0f} texts/s, between "
        f"{min(subject['limits']):.0f} and {max(subject['limits']):.0f}; with encoding in the "
        f"callers {PERCENT(encoding)}, with the fp32 graph {PERCENT(fp32)} of "
        "it.",
        "",
        *_beside_fp32(subject, rows, fp32),
        "| | share of the limit | (least to most) | texts/s | p50 ms | p99 ms | CPU ms a text | "
        "peak MB | start s |",
        "| --- | --: | --- | --: | --: | --: | --: | --: | --: |",
    ]
    for row in rows:
        tuning = subject["tunings"].get(row["name"])
        lines.append(
            f"| {row['name']}{f' ({tuning})' if tuning else ''} | {row['ratio']:.2f} | "
            f"{row['spread'][0]:.2f} to {row['spread'][1]:.2f} | {row['texts_per_second']:.0f} | "
            f"{row['p50'] * 1e3:.0f} | {row['p99'] * 1e3:.0f} | "
            f"{row['cpu_seconds_per_text'] * 1e3:.2f} | {row['peak_bytes'] / 1e6:.0f} | "
            f"{row['start_seconds']:.1f} |"
        )
    return "\n".join(lines)


def _beside_fp32(subject: dict[str, Any], rows: Sequence[dict[str, Any]], fp32: float) -> list[str]:
    ratio = next((row["ratio"] for row in rows if row["name"] == CLASSMARK.name), None)
    if ratio is None:
        return []
    return [
        f"Over HTTP Classmark gives {ratio / fp32:.2f} times the offline limit of the fp32 graph. "
        f"The graph's label is the checkpoint's for {subject['agreement']:.1%} of the texts of "
        "export's check.",
        "",
    ]


def _failed(failed: dict[str, str]) -> str:
    lines = [f"- {name}: {' '.join(reason.split())}" for name, reason in failed.items()]
    return "\n".join(["Not measured:", "", *lines])


def _latency(latency: dict[str, Any], objective_seconds: float) -> str:
    alone, long_texts = latency["alone"], latency["long_texts"]
    lines = [
        f"Classmark in an open loop, medians of {len(latency['rounds'])} rounds; goodput counts "
        f"answers within {objective_seconds * 1e3:.0f} ms, as a share of the capacity around it:",
        "",
        "| arrivals | load | p50 ms | p90 ms | p99 ms | goodput | refused | refusal p50 ms |",
        "| --- | --: | --: | --: | --: | --: | --: | --: |",
    ]
    for row in latency["open_loop"]:
        refusal = "" if row["refusal_p50"] is None else f"{row['refusal_p50'] * 1e3:.1f}"
        lines.append(
            f"| {row['pattern']} | {PERCENT(row['load'])} | {row['p50'] * 1e3:.1f} | "
            f"{row['p90'] * 1e3:.1f} | {row['p99'] * 1e3:.1f} | "
            f"{PERCENT(row['goodput_of_capacity'])} | {PERCENT(row['refused_share'])} | {refusal} |"
        )
    lines += [
        "",
        f"One client alone: median {alone['http'] * 1e3:.2f} ms, {alone['over'] * 1e3:.2f} ms over "
        f"the raw session run of the same text, measured in turns ({alone['bare'] * 1e3:.2f} ms).",
        "",
        f"Long texts ({PERCENT(LONG_SHARE)} of 512 tokens, at {PERCENT(LONG_LOAD)} of capacity): "
        f"p99 of the short ones {long_texts['without'] * 1e3:.0f} ms without, "
        f"{long_texts['with'] * 1e3:.0f} ms with, {long_texts['growth'] * 1e3:.0f} ms more; one "
        f"long run alone takes {long_texts['one_run'] * 1e3:.0f} ms.",
    ]
    return "\n".join(lines)
