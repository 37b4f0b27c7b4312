"""Lays panels out in rows, under the variables, links and annotations that all boards share."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from deploy.grafana.panels import DATASOURCE, Panel
from deploy.grafana.promql import MODEL, VERSION

TAG = "classmark"
COLUMNS = 24


@dataclass(frozen=True, slots=True)
class Row:
    """Panels from left to right.

    Attributes:
        title: none for the first row of a board, which is always in sight.
        folded: whether one has to open it, as most services have nothing to show there.
    """

    title: str
    panels: Sequence[Panel]
    folded: bool = False


@dataclass(frozen=True, slots=True)
class Board:
    """A dashboard; its name is that of its file, and part of its address."""

    name: str
    title: str
    about: str
    rows: Sequence[Row]

    def to_json(self) -> dict[str, Any]:
        return {
            "uid": f"classmark-{self.name}",
            "title": self.title,
            "description": self.about,
            "tags": [TAG],
            "schemaVersion": 41,
            "version": 1,
            "editable": False,
            "graphTooltip": 1,
            "refresh": "10s",
            "timezone": "browser",
            "time": {"from": "now-1h", "to": "now"},
            "links": LINKS,
            "annotations": {"list": ANNOTATIONS},
            "templating": {"list": VARIABLES},
            "panels": self._panels(),
        }

    def _panels(self) -> list[dict[str, Any]]:
        placed: list[dict[str, Any]] = []
        top, number = 0, 1
        for row in self.rows:
            if row.title:
                header = _header(row, number, top)
                placed.append(header)
                top, number = top + 1, number + 1
            panels, height = _flow(row.panels, number, top)
            number += len(panels)
            if row.folded:
                header["panels"] = panels
            else:
                placed += panels
                top += height
        return placed


def _flow(panels: Sequence[Panel], number: int, top: int) -> tuple[list[dict[str, Any]], int]:
    """Place panels from left to right, in as many lines as they need, and add up the height."""
    placed: list[dict[str, Any]] = []
    left = height = above = 0
    for panel in panels:
        if left + panel.width > COLUMNS:
            left, above = 0, above + height
        placed.append(panel.to_json(number + len(placed), left, top + above))
        left, height = left + panel.width, panel.height
    return placed, above + height


def _header(row: Row, number: int, top: int) -> dict[str, Any]:
    return {
        "id": number,
        "type": "row",
        "title": row.title,
        "collapsed": row.folded,
        "gridPos": {"x": 0, "y": top, "w": COLUMNS, "h": 1},
        "panels": [],
    }


def _page(title: str, path: str, tooltip: str) -> dict[str, Any]:
    return {"type": "link", "title": title, "url": path, "tooltip": tooltip, "icon": "bell"}


def _variable(name: str, query: str) -> dict[str, Any]:
    return {
        "name": name,
        "label": name.capitalize(),
        "type": "query",
        "datasource": DATASOURCE,
        "query": {"query": query, "refId": name},
        "definition": query,
        "refresh": 2,  # with the range of time: what served then can be chosen, too
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": ["All"], "value": ["$__all"]},
    }


def _annotation(name: str, colour: str, series: str, title: str) -> dict[str, Any]:
    """Mark the moments at which series appear that were not there one step of the query before."""
    query = f"{series} unless {series.replace('}', '} offset $__interval')}"
    return {
        "name": name,
        "datasource": DATASOURCE,
        "enable": True,
        "iconColor": colour,
        "titleFormat": title,
        "target": {"refId": "Anno", "expr": query, "interval": "30s", "range": True},
    }


# Pages of Grafana itself show Prometheus's alerts and Alertmanager's: no port to know.
LINKS: list[dict[str, Any]] = [
    {
        "type": "dashboards", "title": "Classmark", "tags": [TAG], "asDropdown": False,
        "includeVars": True, "keepTime": True,
    },
    _page("Alerts", "/alerting/list", "Every rule, its state and its runbook"),
    _page(
        "Silences",
        "/alerting/silences?alertmanager=Alertmanager",
        "What Alertmanager keeps quiet; the place to silence an alert that is worked on",
    ),
]  # fmt: skip
VARIABLES: list[dict[str, Any]] = [
    {
        "name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus",
        "current": {"text": "default", "value": "default"}, "hide": 0,
    },
    _variable("instance", 'label_values(up{job="classmark"}, instance)'),
    _variable("model", "label_values(classmark_model_behind, model)"),
    _variable("version", 'label_values(classmark_model_info{model=~"$model"}, version)'),
]  # fmt: skip
ANNOTATIONS = [
    _annotation(
        "Version swaps",
        "blue",
        f"max by (model, version) (classmark_model_info{{{VERSION}}})",
        "{{model}} {{version}} serves",
    ),
    _annotation(
        "Refused versions",
        "red",
        f"(max by (model) (classmark_model_refused{{{MODEL}}}) == 1)",
        "a version of {{model}} is refused",
    ),
]
