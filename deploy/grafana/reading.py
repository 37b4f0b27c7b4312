"""Reads boards as Grafana does: which queries they ask, with the variables filled in."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

# What Grafana puts in where nothing is chosen.
ALL = {"instance": ".*", "model": ".*", "version": ".*"}


@dataclass(frozen=True, slots=True)
class Asked:
    """A query of a board, and where it stands."""

    where: str
    expr: str
    legend: str = ""


def panels(board: Mapping[str, Any]) -> list[Any]:
    """Return a board's panels, without the rows that only group them; folded ones too."""
    every = [inner for panel in board["panels"] for inner in (panel, *panel.get("panels", []))]
    return [panel for panel in every if panel["type"] != "row"]


def queries(board: Mapping[str, Any]) -> Iterator[Asked]:
    """Return every query of a board: of panels, annotations and variables."""
    title = board["title"]
    for panel in panels(board):
        for target in panel["targets"]:
            where = f"{title}, panel {panel['title']}, {target['refId']}"
            yield Asked(where, target["expr"], target["legendFormat"])
    for annotation in board["annotations"]["list"]:
        yield Asked(f"{title}, annotation {annotation['name']}", annotation["target"]["expr"])
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            yield Asked(f"{title}, variable {variable['name']}", values_of(variable["definition"]))


def values_of(definition: str) -> str:
    """Return the query whose series are what `label_values(series, label)` lists."""
    found = re.fullmatch(r"label_values\((.+), (\w+)\)", definition)
    if found is None:
        raise ValueError(f"{definition} is no label_values(series, label); write it so")
    return f"group by ({found[2]}) ({found[1]})"


def fill(expr: str, window: str, whole: str, chosen: Mapping[str, str] = ALL) -> str:
    """Return a query with its variables filled in.

    Args:
        window: that of rates, as `20s`; at least four scrapes.
        whole: the whole range of time, as `15m`.
        chosen: values of the board's variables; All for those that are not named.
    """
    built_in = {"__rate_interval": window, "__interval": window, "__range": whole}
    for name, value in (built_in | ALL | dict(chosen)).items():
        expr = re.sub(rf"\${name}\b", value, expr)
    return expr
