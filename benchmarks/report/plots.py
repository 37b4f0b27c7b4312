"""Draws results as SVG."""

from pathlib import Path
from typing import Any

from benchmarks.report.report import summarise

OURS, THEIRS = "#1f6feb", "#9aa4b2"


def draw_capacity(subject: dict[str, Any], path: Path) -> None:
    """Draw each contender's capacity as a share of the limit, with the spread over the rounds."""
    plt = pyplot()
    rows = summarise(subject)[::-1]
    figure, axes = plt.subplots(figsize=(8, 0.45 * len(rows) + 1.2), layout="constrained")
    for at, row in enumerate(rows):
        colour = OURS if row["name"].startswith("Classmark") else THEIRS
        axes.barh(at, row["ratio"], color=colour)
        axes.plot(row["spread"], [at, at], color="black", linewidth=1)
        axes.text(
            max(row["spread"][1], row["ratio"]) + 0.01, at, f"{row['ratio']:.2f}", va="center"
        )
    axes.set_yticks(range(len(rows)), [row["name"] for row in rows])
    axes.axvline(1.0, color="black", linestyle="--", linewidth=1)
    axes.set_xlabel("capacity, as a share of the offline limit just before and after")
    axes.set_title(f"{subject['title']}, {subject['precision']}", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def pyplot(kind: str = "svg") -> Any:
    """Return matplotlib's pyplot with this backend (`svg`, `agg`)."""
    # Imported here, because only drawing needs it and it takes a second.
    import matplotlib as mpl

    mpl.use(kind)
    mpl.rcParams["svg.hashsalt"] = "classmark"  # the same figures give the same file
    import matplotlib.pyplot as plt

    return plt
