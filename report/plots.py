"""Draws curves as SVG that stands within a page and takes its text colour, light or dark."""

import io
import math
import re
import warnings
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from report.day import FiredAlert
from report.options import Span
from report.prometheus import Series

# Told apart by people who see few colours, and legible on white and on black.
COLOURS = ("#3b82d6", "#d9822b", "#2e9e6b", "#c2549d", "#8a7bd1", "#a58b1c", "#3a98ac", "#cf5d5b")
NEGATIVE, POSITIVE = COLOURS[7], COLOURS[2]
# No text has this colour by itself; in the page it becomes that of the text around.
TEXT = "#010203"
LABEL_CHARACTERS = 24
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # the reader's browser has letters for all scripts
    "svg.hashsalt": "classmark",
    "text.parse_math": False,  # a label may have dollars in it
    "axes.spines.top": False,
    "axes.spines.right": False,
    "font.size": 9,
} | dict.fromkeys(
    ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), TEXT
)


def draw_volume(name: str, span: Span, curves: Sequence[Series], label: str) -> str:
    """Draw texts a minute, stacked by a label's values, the largest at the bottom."""
    figure, axes = _subplots(1, 1, (8.5, 2.6))
    ordered = largest(curves, len(COLOURS))
    colours = [colour_of(one.labels.get(label, ""), at) for at, one in enumerate(ordered)]
    if ordered:
        axes[0].stackplot(
            _moments(ordered[0].times),
            [[0.0 if math.isnan(v) else v for v in one.values] for one in ordered],
            labels=[shorten(one.labels.get(label, "")) for one in ordered],
            colors=colours,
            linewidth=0,
        )
        axes[0].legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, labelcolor=TEXT)
    axes[0].set_ylabel("texts a minute")
    axes[0].set_ylim(bottom=0)
    _time_axis(axes[0], span, most_ticks=7)
    return _svg(figure, name)


def draw_shares(
    name: str,
    span: Span,
    topics: Sequence[str],
    curves: Sequence[Series],
    baselines: Sequence[Series],
    alerts: Sequence[FiredAlert],
) -> str:
    """Draw a small panel for each topic: its negative share, its baseline, where an alert fired."""
    columns = min(3, len(topics))
    rows = -(-len(topics) // columns)
    figure, axes = _subplots(rows, columns, (8.5, 1.9 * rows + 0.3))
    by_topic = {one.labels.get("topic", ""): one for one in curves}
    base_by_topic = {one.labels.get("topic", ""): one for one in baselines}
    for panel, topic in zip(axes, topics, strict=False):
        for fired in alerts:
            if fired.labels.get("topic") == topic:
                panel.axvspan(*_moments([fired.since, fired.until]), color=NEGATIVE, alpha=0.25)
        if topic in by_topic:
            panel.plot(*_points(by_topic[topic]), color=COLOURS[0], linewidth=1.4)
        if topic in base_by_topic:
            panel.plot(*_points(base_by_topic[topic]), color=COLOURS[1], linestyle="--")
        panel.set_title(shorten(topic), fontsize=9, loc="left")
        panel.set_ylim(0, 1)
        panel.set_yticks([0, 0.5, 1], ["0 %", "50 %", "100 %"])
        _time_axis(panel, span, most_ticks=8 // columns + 2)
    for panel in axes[len(topics) :]:
        panel.set_visible(False)
    return _svg(figure, name)


def largest(curves: Iterable[Series], most: int) -> list[Series]:
    """Return the curves with most below them, the largest first."""
    return sorted(curves, key=lambda one: -sum(v for v in one.values if not math.isnan(v)))[:most]


def colour_of(label: str, at: int) -> str:
    """Return a colour: those that mean something for their labels, any for others."""
    return {"negative": NEGATIVE, "positive": POSITIVE}.get(label, COLOURS[at % len(COLOURS)])


def shorten(label: str) -> str:
    return label if len(label) <= LABEL_CHARACTERS else f"{label[: LABEL_CHARACTERS - 1]}…"


def _subplots(rows: int, columns: int, size: tuple[float, float]) -> tuple[Any, list[Any]]:
    # Imported here: it takes a second, and what is wrong with the options is told at once.
    import matplotlib as mpl

    mpl.use("svg")
    import matplotlib.pyplot as plt

    mpl.rcParams.update(STYLE)
    figure, axes = plt.subplots(rows, columns, figsize=size, layout="constrained", squeeze=False)
    return figure, list(axes.flat)


def _time_axis(axes: Any, span: Span, most_ticks: int) -> None:
    from matplotlib import dates

    library: Any = dates  # untyped
    locator = library.AutoDateLocator(tz=UTC, minticks=2, maxticks=most_ticks)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(library.ConciseDateFormatter(locator, tz=UTC))
    axes.set_xlim(span.start, span.end)


def _moments(times: Iterable[float]) -> list[datetime]:
    return [datetime.fromtimestamp(at, UTC) for at in times]


def _points(curve: Series) -> tuple[list[datetime], list[float]]:
    return _moments(curve.times), curve.values


def _svg(figure: Any, name: str) -> str:
    """Return a figure as an element of a page; `name` keeps its ids apart from those of others."""
    import matplotlib.pyplot as plt

    out = io.StringIO()
    with warnings.catch_warnings():
        # It measures letters with its own fonts; the browser draws those that they lack.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None})
    plt.close(figure)
    svg = re.sub(r"<metadata>.*?</metadata>", "", out.getvalue(), flags=re.DOTALL)
    svg = svg[svg.index("<svg") :].replace(TEXT, "currentColor")
    return re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", svg)
