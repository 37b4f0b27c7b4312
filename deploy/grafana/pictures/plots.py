"""Draws panels that have time from left to right: lines, heatmaps, states."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, DateFormatter
from matplotlib.ticker import FuncFormatter, MaxNLocator

from deploy.grafana.pictures.canvas import COLOURS, EDGE, FAINT, PALETTE, Canvas, cut, length
from deploy.grafana.pictures.prometheus import Range, Series
from deploy.grafana.pictures.units import size_of, write, write_tick

LEGEND_ROWS = 2
# Matplotlib counts time in days.
DAY = 86400


@dataclass(frozen=True, slots=True)
class Place:
    """The inside of a panel, in pixels."""

    x: float
    y: float
    w: float
    h: float


@dataclass(frozen=True, slots=True)
class Event:
    """A moment that all panels mark."""

    at: float
    colour: str


@dataclass(frozen=True, slots=True)
class Named:
    """A series with the name and the colour that its panel gives it."""

    name: str
    colour: str
    series: Series


def named(panel: Any, found: Sequence[tuple[str, Series]]) -> list[Named]:
    """Name series by their legends, sort them, and give them the colours of the panel."""
    rules = [
        (o["matcher"]["options"].strip("/"), o["properties"][0]["value"]["fixedColor"])
        for o in panel["fieldConfig"]["overrides"]
    ]

    def colour(name: str, place: int) -> str:
        fixed = [colour for pattern, colour in rules if re.search(pattern, name)]
        return COLOURS[fixed[0]] if fixed else PALETTE[place % len(PALETTE)]

    names = [_filled(legend, series) for legend, series in found]
    return [
        Named(name, colour(name, at), series)
        for at, (name, (_, series)) in enumerate(zip(names, found, strict=True))
    ]


def _filled(legend: str, series: Series) -> str:
    words = re.sub(r"\{\{(\w+)\}\}", lambda found: series.labels.get(found[1], ""), legend)
    return words.strip() or "none"


def lines(
    canvas: Canvas, place: Place, panel: Any, found: Sequence[Named], span: Range,
    events: Sequence[Event],
) -> None:  # fmt: skip
    """Draw lines, or areas one upon the other, above their legend."""
    defaults = panel["fieldConfig"]["defaults"]
    below = _legend(canvas, place, found, defaults["unit"])
    axes = canvas.axes(place.x + 46, place.y + 4, place.w - 58, place.h - below - 22)
    if defaults["custom"]["stacking"]["mode"] == "normal":
        values = [np.nan_to_num(one.series.values) for one in found]
        areas = axes.stackplot(span.times / DAY, *values, colors=[one.colour for one in found])
        for area in areas:
            area.set_alpha(0.75)
    else:
        for one in found:
            axes.plot(span.times / DAY, one.series.values, color=one.colour, linewidth=1.3)
    _value_axis(axes, panel, found)
    if defaults["custom"]["thresholdsStyle"]["mode"] == "dashed":
        for step in defaults["thresholds"]["steps"][1:]:
            if step["value"] <= axes.get_ylim()[1]:
                axes.axhline(step["value"], color=COLOURS[step["color"]], ls="--", lw=0.9)
    axes.grid(color="#eceded", linewidth=0.8)
    _time_axis(axes, span, events, place.w)


def heatmap(
    canvas: Canvas, place: Place, panel: Any, found: Sequence[Series], span: Range,
    events: Sequence[Event],
) -> None:  # fmt: skip
    """Draw how many observations fell into each bucket, all buckets of one height."""
    by_bound = sorted(found, key=lambda one: float(one.labels["le"]))
    counts = np.diff([np.nan_to_num(one.values) for one in by_bound], axis=0, prepend=0)
    counts = np.where(counts > 1e-9, counts, np.nan)
    axes = canvas.axes(place.x + 46, place.y + 4, place.w - 58, place.h - 26)
    edges = np.append(span.times, span.times[-1] + span.step) / DAY
    axes.pcolormesh(edges, np.arange(len(by_bound) + 1), counts)
    unit = panel["options"]["yAxis"]["unit"]
    bounds = [one.labels["le"] for one in by_bound]
    shown = range(1 if len(bounds) % 2 == 0 else 0, len(bounds), 1 + len(bounds) // 9)
    axes.set_yticks([at + 1 for at in shown])
    axes.set_yticklabels([write(float(bounds[at]), unit).replace("-", "∞") for at in shown])
    _time_axis(axes, span, events, place.w)


def states(
    canvas: Canvas, place: Place, panel: Any, found: Sequence[Named], span: Range,
    events: Sequence[Event],
) -> None:  # fmt: skip
    """Draw each series as a row of its states' colours."""
    (mapping,) = panel["fieldConfig"]["defaults"]["mappings"]
    names = {float(value): shown for value, shown in mapping["options"].items()}
    wide = min(150.0, max([46.0, *(length(one.name, 7.5) + 8 for one in found)]))
    axes = canvas.axes(place.x + wide, place.y + 4, place.w - wide - 12, place.h - 44)
    for row, one in enumerate(found):
        for value, shown in names.items():
            at = span.times[one.series.values == value]
            bars = [(start / DAY, span.step / DAY) for start in at]
            colour = COLOURS[shown["color"]]
            axes.broken_barh(bars, (row + 0.1, 0.8), color=colour, linewidth=0, antialiased=False)
    axes.set_ylim(0, max(len(found), 1))
    axes.set_yticks([row + 0.5 for row in range(len(found))])
    axes.set_yticklabels([cut(one.name, wide, 7.5) for one in found])
    _time_axis(axes, span, events, place.w)
    x = place.x + 8.0
    for shown in names.values():
        x = _key(canvas, x, place.y + place.h - 10, shown["text"], COLOURS[shown["color"]])


def _value_axis(axes: Axes, panel: Any, found: Sequence[Named]) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    is_flat = all(np.nan_to_num(one.series.values).max() == 0 for one in found)
    top = 1.0 if is_flat else min(axes.get_ylim()[1], defaults.get("max", np.inf))
    size = size_of(top, defaults["unit"])
    ticks = MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]).tick_values(0, top / size)
    axes.set_yticks([tick for tick in np.multiply(ticks, size).tolist() if 0 <= tick <= top])
    axes.set_ylim(0, top)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: write_tick(v, defaults["unit"])))


def _time_axis(axes: Axes, span: Range, events: Sequence[Event], pixels: float) -> None:
    axes.set_xlim(span.times[0] / DAY, span.times[-1] / DAY)
    ticks = max(2, int(pixels / 75))
    locator = AutoDateLocator(minticks=2, maxticks=ticks)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    written = DateFormatter("%H:%M", tz=UTC)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_formatter(written)
    for event in events:
        axes.axvline(event.at / DAY, color=COLOURS[event.colour], linestyle="--", linewidth=0.9)
    axes.spines["bottom"].set_visible(True)
    axes.spines["bottom"].set_color(EDGE)


def _legend(canvas: Canvas, place: Place, found: Sequence[Named], unit: str) -> float:
    """Write names and last values in rows below the plot; return the rows' height."""
    rows: list[list[tuple[str, str]]] = [[]]
    room, left_out = place.w - 16, 0
    for one in found:
        words = f"{one.name}  {write(one.series.last, unit)}"
        if room < _key_width(words) and rows[-1]:
            rows, room = [*rows, []], place.w - 16
        rows[-1].append((words, one.colour))
        room -= _key_width(words)
    if len(rows) > LEGEND_ROWS:
        left_out = sum(map(len, rows[LEGEND_ROWS:]))
        rows = rows[:LEGEND_ROWS]
        taken = sum(_key_width(words) for words, _ in rows[-1])
        if taken + _key_width(f"and {left_out} more") > place.w - 16:
            rows[-1].pop()
            left_out += 1
    height = 15 * len(rows) + 6
    for at, row in enumerate(rows):
        x, y = place.x + 10, place.y + place.h - height + 8 + 15 * at
        for words, colour in row:
            x = _key(canvas, x, y, words, colour)
        if left_out and at == len(rows) - 1:
            canvas.text(x, y, f"and {left_out} more", color=FAINT)
    return height


def _key(canvas: Canvas, x: float, y: float, words: str, colour: str) -> float:
    canvas.box(x, y - 1.5, 11, 3, colour)
    canvas.text(x + 15, y, words)
    return x + _key_width(words)


def _key_width(words: str) -> float:
    return length(words) + 22
