"""Lays a board out as Grafana does, and draws its panels from what Prometheus knows."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from deploy.grafana.pictures import cards, plots
from deploy.grafana.pictures.canvas import EDGE, FAINT, PAPER, Canvas, cut
from deploy.grafana.pictures.plots import Event, Place, named
from deploy.grafana.pictures.prometheus import Prometheus, Series

WIDTH, HEAD = 1280, 56
COLUMN, LINE, GAP = (WIDTH - 8) / 24, 30, 8
TITLE = 24
EMPTY = "no data"


def draw(board: Any, prometheus: Prometheus) -> Canvas:
    """Return the picture of a whole board."""
    canvas = Canvas(WIDTH, height(board))
    _head(canvas, board, prometheus)
    events = _events(board, prometheus)
    for panel in board["panels"]:
        _panel(canvas, panel, prometheus, events)
    return canvas


def height(board: Any) -> int:
    """Return how many pixels a board's picture is high."""
    lowest: int = max(p["gridPos"]["y"] + p["gridPos"]["h"] for p in board["panels"])
    return HEAD + lowest * LINE + GAP


def _head(canvas: Canvas, board: Any, prometheus: Prometheus) -> None:
    span = prometheus.span
    canvas.text(14, 18, board["title"], 13, weight="bold")
    chosen = [v["label"] for v in board["templating"]["list"] if v["type"] == "query"]
    canvas.text(14, 42, "     ".join(f"{label}: All" for label in chosen), 8.5, color=FAINT)
    moments = [datetime.fromtimestamp(at, UTC) for at in (span.start, span.end)]
    words = f"{moments[0]:%H:%M} to {moments[1]:%H:%M} UTC"
    canvas.text(WIDTH - 14, 18, words, 9, ha="right", color=FAINT)
    marks = "dashed lines: " + ", ".join(
        f"{a['name'].lower()} ({a['iconColor']})" for a in board["annotations"]["list"]
    )
    canvas.text(WIDTH - 14, 42, marks, 8.5, ha="right", color=FAINT)


def _events(board: Any, prometheus: Prometheus) -> list[Event]:
    """Return the moments at which a series of an annotation appears."""
    found = []
    for annotation in board["annotations"]["list"]:
        for series in prometheus.over_time(annotation["target"]["expr"]):
            there = [not math.isnan(value) for value in series.values]
            starts = [at for at in range(1, len(there)) if there[at] and not there[at - 1]]
            found += [
                Event(float(prometheus.span.times[at]), annotation["iconColor"]) for at in starts
            ]
    return found


def _panel(canvas: Canvas, panel: Any, prometheus: Prometheus, events: Sequence[Event]) -> None:
    at = panel["gridPos"]
    x, y = at["x"] * COLUMN + GAP / 2, HEAD + at["y"] * LINE
    if panel["type"] == "row":
        folded = "   ▸ folded" if panel["collapsed"] else ""
        canvas.text(x + 6, y + LINE / 2, panel["title"] + folded, 10, weight="bold")
        return
    w, h = at["w"] * COLUMN - GAP, at["h"] * LINE - GAP
    canvas.box(x, y, w, h, PAPER, EDGE)
    if panel["type"] != "stat":
        canvas.text(x + 10, y + 13, cut(panel["title"], w - 16, 8.5), 8.5, weight="bold")
    inside = Place(x, y + TITLE, w, h - TITLE)
    found = [(t["legendFormat"], s) for t in panel["targets"] for s in _series(t, prometheus)]
    if not found and panel["type"] not in ("stat", "table"):
        middle = (x + w / 2, y + h / 2)
        canvas.text(*middle, EMPTY, color=FAINT, ha="center")
        return
    _draw_inside(canvas, inside, panel, found, prometheus, events)


def _draw_inside(
    canvas: Canvas, inside: Place, panel: Any, found: Sequence[tuple[str, Series]],
    prometheus: Prometheus, events: Sequence[Event],
) -> None:  # fmt: skip
    bare, marked = [series for _, series in found], (prometheus.span, events)
    match panel["type"]:
        case "stat":
            cards.stat(canvas, inside, panel, named(panel, found))
        case "table":
            cards.table(canvas, inside, panel, bare)
        case "bargauge":
            cards.bars(canvas, inside, panel, named(panel, found))
        case "timeseries":
            plots.lines(canvas, inside, panel, named(panel, found), *marked)
        case "heatmap":
            plots.heatmap(canvas, inside, panel, bare, *marked)
        case "state-timeline":
            plots.states(canvas, inside, panel, named(panel, found), *marked)
        case unknown:
            raise ValueError(f"{unknown} panels cannot be drawn; add them to {__name__}")


def _series(target: Any, prometheus: Prometheus) -> list[Series]:
    if target.get("instant"):
        return prometheus.now(target["expr"])
    found = prometheus.over_time(target["expr"])
    return sorted(found, key=lambda one: sorted(one.labels.items()))
