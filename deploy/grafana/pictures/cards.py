"""Draws panels that say how things are now: numbers, tables, bars."""

import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from deploy.grafana.pictures.canvas import COLOURS, EDGE, FAINT, PAPER, TEXT, Canvas, cut, length
from deploy.grafana.pictures.plots import Named, Place
from deploy.grafana.pictures.prometheus import Series
from deploy.grafana.pictures.units import write

ROW = 22


def stat(canvas: Canvas, place: Place, panel: Any, found: Sequence[Named]) -> None:
    """Draw the last value, or the series' names, on the colour of their step."""
    defaults = panel["fieldConfig"]["defaults"]
    by_name = panel["options"]["textMode"] == "name"
    last = found[0].series.last if found else math.nan
    said = ", ".join(one.name for one in found) if by_name else write(last, defaults["unit"])
    known = bool(found) and not math.isnan(last)
    colour = _colour(last if known else 0, defaults["thresholds"]["steps"])
    canvas.box(place.x + 1, place.y - 24, place.w - 2, place.h + 23, colour)
    if panel["options"]["graphMode"] == "area" and known:
        axes = canvas.axes(place.x + 1, place.y + place.h * 0.6, place.w - 2, place.h * 0.4 - 1)
        values = np.nan_to_num(found[0].series.values)
        axes.fill_between(range(len(values)), values, color=PAPER, alpha=0.3, linewidth=0)
        axes.set_xlim(0, max(len(values) - 1, 1))
        axes.set_ylim(0, max(values.max(), 1e-9))
        axes.axis("off")
    words = said if known else defaults["noValue"]
    size = min(22.0, (place.w - 20) / (len(words) * 0.85))
    at = (place.x + place.w / 2, place.y + place.h * 0.42)
    canvas.text(*at, words, size, color=PAPER, ha="center", weight="bold")
    canvas.text(place.x + 10, place.y - 11, panel["title"], 8.5, color=PAPER, weight="bold")


def table(canvas: Canvas, place: Place, panel: Any, found: Sequence[Series]) -> None:
    """Draw labels in columns, as wide as their longest words want."""
    (organize,) = panel["transformations"]
    columns = list(organize["options"]["indexByName"])
    if not found:
        words = panel["fieldConfig"]["defaults"]["noValue"]
        middle = (place.x + place.w / 2, place.y + place.h / 2)
        canvas.text(*middle, words, color=FAINT, ha="center")
        return
    rows = [[one.labels.get(column, "") for column in columns] for one in found]
    wanted = [
        max(length(words) for words in column) + 20 for column in zip(columns, *rows, strict=True)
    ]
    fits = min(1.0, (place.w - 16) / sum(wanted))
    starts = place.x + 10 + np.cumsum([0, *(width * fits for width in wanted)])
    most = int((place.h - ROW) // ROW)
    for at, row in enumerate([columns, *rows[:most]]):
        y = place.y + ROW * (at + 0.5)
        canvas.box(place.x + 8, y + ROW / 2, place.w - 16, 0.6, EDGE)
        for x, width, words in zip(starts[:-1], wanted, row, strict=True):
            colour = FAINT if at == 0 else _mapped(words, panel)
            weight = "bold" if at == 0 else "normal"
            canvas.text(x, y, cut(words, width * fits - 6), color=colour, weight=weight)


def bars(canvas: Canvas, place: Place, panel: Any, found: Sequence[Named]) -> None:
    """Draw a bar for each series, as Prometheus sorted them."""
    defaults = panel["fieldConfig"]["defaults"]
    most = int(place.h // ROW)
    shown = found[:most]
    wide = min(place.w * 0.45, max([40.0, *(length(one.name) for one in shown)]) + 12)
    room = place.w - wide - 70
    for at, one in enumerate(shown):
        y = place.y + ROW * (at + 0.5)
        value = one.series.last
        canvas.text(place.x + 10, y, cut(one.name, wide - 8))
        canvas.box(place.x + wide + 6, y - 6, room, 12, "#eceded")
        canvas.box(place.x + wide + 6, y - 6, room * value / defaults["max"], 12, COLOURS["blue"])
        canvas.text(place.x + wide + room + 14, y, write(value, defaults["unit"]))


def _colour(value: float, steps: Sequence[Any]) -> str:
    reached = [s["color"] for s in steps if s["value"] is None or value >= s["value"]]
    return COLOURS[reached[-1]]


def _mapped(words: str, panel: Any) -> str:
    for mapping in panel["fieldConfig"]["defaults"]["mappings"]:
        if re.search(mapping["options"]["pattern"].strip("/"), words):
            return COLOURS[mapping["options"]["result"]["color"]]
    return TEXT
