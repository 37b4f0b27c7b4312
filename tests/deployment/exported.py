"""What the service exports, and what an expression asks for."""

import re

from docs.metrics import sections

# What Prometheus adds: to every series of a target, and of its own.
TARGET_LABELS = {"job", "instance", "service"}
PROMETHEUS_SERIES = {
    "up": set[str](),
    "ALERTS": {"alertname", "alertstate", "severity", "model", "topic"},
}


def exported() -> dict[str, set[str]]:
    """Return the label names of every series the service exports."""
    rows = [row for section in sections() for row in section.rows]
    return PROMETHEUS_SERIES | {name: set(row.labels) for row in rows for name in row.series}


SERIES = exported()


def used_series(expression: str) -> list[tuple[str, set[str]]]:
    """Return every metric an expression selects with the labels its matchers name."""
    found = re.findall(
        r"\b((?:classmark|process|python)_\w+|up|ALERTS)\b(?:\{([^}]*)\})?", expression
    )
    return [(name, set(re.findall(r'(\w+)\s*(?:=~|!~|!=|=)\s*"', given))) for name, given in found]
