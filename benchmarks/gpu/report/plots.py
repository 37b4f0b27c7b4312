"""Draws the results as PNG."""

from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.gpu.report.targets import by_setting
from benchmarks.report.plots import OURS, THEIRS, pyplot
from benchmarks.report.statistics import spread


def draw_all(results: dict[str, Any], out: Path) -> list[Path]:
    """Draw all results; return the files, or none if matplotlib is not installed."""
    try:
        plt = pyplot("agg")
    except ImportError:
        return []
    drawn = []
    for name, found in results.get("engine", {}).items():
        drawn.append(_draw_engine(plt, found, out / f"engine-{name}.png"))
    for name, found in results.get("http", {}).items():
        drawn.append(_draw_http(plt, found, out / f"http-{name}.png"))
    return drawn


def _draw_engine(plt: Any, found: dict[str, Any], path: Path) -> Path:
    """Draw each runner's share of the ceiling with its spread, one panel for each stream."""
    streams = found["streams"]
    figure, panels = plt.subplots(
        1, len(streams), figsize=(2 + 3.2 * len(streams), 3.5), sharey=True, squeeze=False,
        layout="constrained",
    )  # fmt: skip
    for axes, (name, stream) in zip(panels[0], streams.items(), strict=True):
        rows = list(stream["runners"].items())[::-1]
        for at, (runner, one) in enumerate(rows):
            shares = [
                100 * rate * stream["flops"] / ceiling
                for rate, ceiling in zip(one["rates"], stream["ceilings"], strict=True)
            ]
            ours = runner.startswith(("packed", "Classmark"))
            axes.barh(at, median(shares), color=OURS if ours else THEIRS)
            axes.plot(spread(shares), [at, at], color="black", linewidth=1)
        axes.set_yticks(range(len(rows)), [runner for runner, _ in rows])
        axes.set_title(name if name == "mixed" else f"{name} tokens", fontsize=10)
        axes.set_xlabel("% of the matrix ceiling")
    figure.suptitle(f"{found['title']}: operations on real tokens", fontsize=11)
    return _save(plt, figure, path)


def _draw_http(plt: Any, found: dict[str, Any], path: Path) -> Path:
    """Draw texts/s over front ends, one line for each size of request."""
    figure, axes = plt.subplots(figsize=(6, 3.5), layout="constrained")
    for each in dict.fromkeys(row["texts_each"] for row in found["rows"]):
        rows = by_setting(found, each)
        texts = [median(r["texts_per_second"] for r in rows[workers]) for workers in rows]
        axes.plot(list(rows), texts, marker="o", label=f"{each} texts a request")
    axes.axhline(median(found["engine"]), color="black", linestyle="--", linewidth=1)
    axes.set_xlabel("front ends (dashed: the engine alone)")
    axes.set_ylabel("texts/s")
    axes.set_ylim(bottom=0)
    axes.set_title(f"{found['title']} over HTTP", fontsize=10)
    axes.legend()
    return _save(plt, figure, path)


def _save(plt: Any, figure: Any, path: Path) -> Path:
    figure.savefig(path, dpi=120, metadata={"Software": None})
    plt.close(figure)
    return path
