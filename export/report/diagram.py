"""Draw reliability.svg: the share of right answers by score, before and after calibration."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from export.scores.reliability import BINS, Reliability
from export.scores.temperature import Fit

DIAGRAM = "reliability.svg"
EDGES = np.linspace(0.0, 1.0, BINS + 1)
# The same input gives the same bytes: no date, and no random names of elements.
STYLE: Any = {
    "svg.hashsalt": "classmark",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#888888",
    "text.color": "#222222",
}
RIGHT, GAP = "#4878a8", "#d65f5f"


def draw_reliability(fit: Fit, path: Path) -> None:
    """Write the diagram: one panel before, and one after if a temperature was fitted.

    A bar is the share of right answers in a bin, a red line leads from it to the bin's mean score,
    and the bars below count the bin's scores.
    """
    panels = [("Before: temperature 1", fit.before.reliability)]
    if fit.after is not None:
        name = "After, not taken" if fit.reason else f"After: temperature {fit.temperature:.2f}"
        panels.append((f"{name} (cross-fitted)", fit.after.reliability))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(4.2 * len(panels), 5.2), layout="constrained")
        axes = figure.subplots(
            2, len(panels), squeeze=False, sharex=True, height_ratios=(4, 1), sharey="row"
        )
        for column, (title, reliability) in enumerate(panels):
            _draw_shares(axes[0, column], title, reliability)
            _draw_counts(axes[1, column], reliability)
        axes[0, 0].set_ylabel("share that is right")
        axes[1, 0].set_ylabel("scores (log)")
        figure.savefig(path, format="svg", metadata={"Date": None})


def _draw_shares(axes: Any, title: str, found: Reliability) -> None:
    filled = found.counts > 0
    axes.set_title(f"{title}\nECE {found.ece:.4f}", fontsize=10)
    axes.plot([0, 1], [0, 1], color="#888888", linewidth=1, linestyle="--", zorder=3)
    axes.bar(
        EDGES[:-1][filled], found.shares[filled], 1 / BINS, align="edge", color=RIGHT, alpha=0.75,
        edgecolor="white", label="share that is right",
    )  # fmt: skip
    axes.vlines(
        found.scores[filled], found.shares[filled], found.scores[filled], color=GAP, linewidth=2,
        zorder=4, label="distance to the mean score",
    )  # fmt: skip
    axes.plot(
        found.scores[filled],
        found.shares[filled],
        "o",
        color=GAP,
        markersize=3,
        clip_on=False,
        zorder=5,
    )
    axes.set(xlim=(0, 1), ylim=(0, 1))
    axes.legend(loc="upper left", frameon=False, fontsize=8)


def _draw_counts(axes: Any, found: Reliability) -> None:
    axes.bar(EDGES[:-1], found.counts, 1 / BINS, align="edge", color="#bbbbbb", edgecolor="white")
    for edge, count in zip(EDGES, found.counts, strict=False):
        if count:
            axes.text(edge + 0.5 / BINS, count, f"{count}", ha="center", va="bottom", fontsize=6.5)
    # Most scores are high: on a linear axis the other bins would vanish.
    axes.set(xlim=(0, 1), xlabel="score", yscale="log", yticks=[], yticklabels=[])
    axes.set_ylim(0.5, 6.0 * max(1, found.counts.max()))
    axes.minorticks_off()
