"""Describes panels in few words, and says them in Grafana's JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from string import ascii_uppercase
from typing import Any

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
# Units of our own: Grafana writes what follows after the number.
TEXTS, TOKENS_A_SECOND = "suffix: texts/s", "suffix: tokens/s"
# Where a value begins to be good, worth a look, or bad: pairs of a colour and its least value.
Steps = Sequence[tuple[str, float]]
CALM: Steps = (("blue", 0),)


@dataclass(frozen=True, slots=True)
class Query:
    """A query and what its series are called; `{{label}}` stands for a label's value."""

    expr: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel.

    Attributes:
        about: what it shows and what to do when it looks bad.
        colours: colours of series by a regular expression for their names.
        settings: what this type of panel has beside the rest, under Grafana's names.
    """

    type: str
    title: str
    about: str
    queries: tuple[Query, ...]
    unit: str
    width: int
    height: int = 8
    steps: Steps = CALM
    instant: bool = False
    colours: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self, number: int, x: int, y: int) -> dict[str, Any]:
        steps = [{"color": colour, "value": least} for colour, least in self.steps]
        steps[0]["value"] = None
        defaults = {
            "unit": self.unit,
            "color": {"mode": "thresholds"},
            "thresholds": {"mode": "absolute", "steps": steps},
        }
        return {
            "id": number,
            "type": self.type,
            "title": self.title,
            "description": self.about,
            "gridPos": {"x": x, "y": y, "w": self.width, "h": self.height},
            "datasource": DATASOURCE,
            "targets": [
                self._target(ascii_uppercase[at], query) for at, query in enumerate(self.queries)
            ],
            "fieldConfig": {
                "defaults": defaults | dict(self.defaults),
                "overrides": [_coloured(*pair) for pair in self.colours.items()],
            },
        } | dict(self.settings)

    def _target(self, letter: str, query: Query) -> dict[str, Any]:
        target: dict[str, Any] = {"refId": letter, "datasource": DATASOURCE, "expr": query.expr}
        target["legendFormat"] = query.legend
        target["instant" if self.instant else "range"] = True
        if self.type in ("table", "heatmap"):
            target["format"] = self.type
        return target


def stat(
    title: str, about: str, query: str, unit: str, steps: Steps = CALM, none: str = "none"
) -> Panel:
    """A number now, over its line; its background is the colour of its step."""
    return Panel(
        "stat", title, about, (Query(query, title),), unit, 4, 4, steps,
        defaults={"noValue": none},
        settings={"options": _stat_options("value", "area")},
    )  # fmt: skip


def words(title: str, about: str, query: Query, steps: Steps = CALM, none: str = "none") -> Panel:
    """The names of a query's series in large letters, in the colours of their values."""
    return Panel(
        "stat", title, about, (query,), "none", 4, 4, steps, instant=True,
        defaults={"noValue": none},
        settings={"options": _stat_options("name", "none")},
    )  # fmt: skip


def lines(
    title: str,
    about: str,
    *queries: Query,
    unit: str,
    width: int = 8,
    limits: Steps = (),
    most: float | None = None,
    colours: Mapping[str, str] | None = None,
    stacked: bool = False,
) -> Panel:
    """Lines over time; a limit is a dashed line of its own."""
    custom: dict[str, Any] = {"fillOpacity": 30 if stacked else 10, "showPoints": "never"}
    custom["thresholdsStyle"] = {"mode": "dashed" if limits else "off"}
    custom["stacking"] = {"mode": "normal" if stacked else "none", "group": "A"}
    defaults = {"min": 0, "color": {"mode": "palette-classic"}, "custom": custom}
    legend = {"displayMode": "list", "placement": "bottom", "showLegend": True}
    return Panel(
        "timeseries", title, about, queries, unit, width, 8, (("transparent", 0), *limits),
        colours=colours or {},
        defaults=defaults if most is None else defaults | {"max": most},
        settings={
            "options": {
                "legend": legend | {"calcs": ["lastNotNull"]},
                "tooltip": {"mode": "multi", "sort": "desc"},
            }
        },
    )  # fmt: skip


def bars(title: str, about: str, query: Query, unit: str, width: int) -> Panel:
    """A bar for each series of a query of shares, over the whole range."""
    options = {"displayMode": "gradient", "orientation": "horizontal", "valueMode": "color"}
    return Panel(
        "bargauge", title, about, (query,), unit, width, instant=True,
        defaults={"min": 0, "max": 1},
        settings={"options": options | {"reduceOptions": {"calcs": ["lastNotNull"]}}},
    )  # fmt: skip


def heatmap(title: str, about: str, query: str, unit: str, width: int) -> Panel:
    """How a histogram's observations are spread, over time; the darker, the fewer."""
    options = {
        "calculate": False,
        "color": {"mode": "scheme", "scheme": "Viridis", "steps": 64},
        "filterValues": {"le": 1e-9},
        "legend": {"show": True},
        "tooltip": {"mode": "single", "showColorScale": True},
        "yAxis": {"axisPlacement": "left", "unit": unit},
    }
    return Panel(
        "heatmap", title, about, (Query(query, "{{le}}"),), unit, width,
        settings={"options": options},
    )  # fmt: skip


def states(
    title: str, about: str, query: Query, names: Sequence[tuple[str, str]], width: int
) -> Panel:
    """The state of each series over time; names and colours of the values 0, 1, ..."""
    options = {
        str(value): {"index": value, "text": text, "color": colour}
        for value, (text, colour) in enumerate(names)
    }
    return Panel(
        "state-timeline", title, about, (query,), "none", width, 8,
        [(colour, value) for value, (_, colour) in enumerate(names)],
        defaults={
            "custom": {"fillOpacity": 80, "lineWidth": 0},
            "mappings": [{"type": "value", "options": options}],
        },
        settings={"options": {"mergeValues": True, "showValue": "never", "rowHeight": 0.8}},
    )  # fmt: skip


def table(
    title: str,
    about: str,
    query: str,
    columns: Sequence[str],
    width: int,
    colours: Mapping[str, str] | None = None,
    none: str = "none",
) -> Panel:
    """Labels as columns in an order; cells get colours by a regular expression for their text."""
    order = {column: place for place, column in enumerate(columns)}
    mappings = [
        {"type": "regex", "options": {"pattern": f"/{text}/", "result": {"color": colour}}}
        for text, colour in (colours or {}).items()
    ]
    cells = {"cellOptions": {"type": "color-text"}, "filterable": True}
    return Panel(
        "table", title, about, (Query(query),), "none", width, 8, (("text", 0),),
        instant=True,
        defaults={"mappings": mappings, "custom": cells, "noValue": none},
        settings={
            "options": {"cellHeight": "sm", "showHeader": True},
            "transformations": [
                {
                    "id": "organize",
                    "options": {
                        "excludeByName": {"Time": True, "Value": True},
                        "indexByName": order,
                    },
                }
            ],
        },
    )  # fmt: skip


def _stat_options(text: str, graph: str) -> dict[str, Any]:
    reduced = {"calcs": ["lastNotNull"], "fields": "", "values": False}
    return {
        "colorMode": "background",
        "graphMode": graph,
        "textMode": text,
        "reduceOptions": reduced,
    }


def _coloured(pattern: str, colour: str) -> dict[str, Any]:
    fixed = {"id": "color", "value": {"mode": "fixed", "fixedColor": colour}}
    return {"matcher": {"id": "byRegexp", "options": f"/{pattern}/"}, "properties": [fixed]}
