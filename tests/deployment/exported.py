"""What the service exports, what an expression asks for, and the routes it may name."""

import re
from pathlib import Path

from app.api.analyze.routes import ANALYZE
from app.api.dialects.registry import spoken
from app.api.inference.routes import OWN_ROUTES
from app.main import create_app
from app.settings.settings import Settings
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


def routes(store: Path) -> tuple[set[str], set[str]]:
    """Return the paths that infer, in every API, and all that there are."""
    settings = Settings(model_store=store)
    foreign = [one.route for dialect in spoken(settings) for one in dialect.posted]
    inferring = {route.path for route in (*OWN_ROUTES, ANALYZE, *foreign)}
    return inferring, {*create_app(settings).openapi()["paths"], *inferring}


def used_series(expression: str) -> list[tuple[str, set[str]]]:
    """Return every metric an expression selects with the labels its matchers name."""
    found = re.findall(
        r"\b((?:classmark|process|python)_\w+|up|ALERTS)\b(?:\{([^}]*)\})?", expression
    )
    return [(name, set(re.findall(r'(\w+)\s*(?:=~|!~|!=|=)\s*"', given))) for name, given in found]
