"""Puts figures and plots into one HTML file that needs no other."""

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.resources import files

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from report.day import Day
from report.entities import MentionedEntity
from report.options import Span
from report.plots import draw_shares, draw_volume

MOST_TOPICS = 9  # with a panel each; the table has all
MOST_LABELS = 6


def render(day: Day, entities: Sequence[MentionedEntity] | None, source: str) -> str:
    """Return the page; `entities` is None if no service was asked, `source` names Prometheus."""
    page = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    page.filters |= {"share": share, "points": points, "count": count, "seconds": seconds}
    page.filters |= {"clock": clock, "mix": mix}
    template = page.from_string((files("report") / "page.html").read_text(encoding="utf-8"))
    return template.render(
        day=day,
        entities=entities,
        source=source,
        title=title(day.span),
        plots=draw(day),
        most_topics=MOST_TOPICS,
    )


def draw(day: Day) -> Mapping[str, Markup]:
    """Return the plots by name; none where nothing was analysed."""
    if not day.topics:
        return {}
    topics = [one.name for one in day.topics[:MOST_TOPICS]]
    shares = draw_shares("share", day.span, topics, day.negative_share, day.baseline, day.alerts)
    svgs = {
        "topics": draw_volume("topics", day.span, day.texts_by_topic, "topic"),
        "sentiment": draw_volume("sentiment", day.span, day.texts_by_sentiment, "sentiment"),
        "share": shares,
    }
    return {name: Markup(svg) for name, svg in svgs.items()}


def title(span: Span) -> str:
    start, end = span.start, span.end
    if end - start > (end - end.replace(hour=0, minute=0, second=0, microsecond=0)):
        return f"{start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC"
    return f"{start:%Y-%m-%d}, {start:%H:%M} to {end:%H:%M} UTC"


def share(value: float, digits: int = 1) -> str:
    return "–" if math.isnan(value) else f"{100 * value:.{digits}f} %"


def points(value: float) -> str:
    return "–" if math.isnan(value) else f"{100 * value:+.1f}"


def count(value: float) -> str:
    return "0" if math.isnan(value) else f"{round(value):,}"


def seconds(value: float) -> str:
    if math.isnan(value):
        return "–"
    return f"{1000 * value:.3g} ms" if value < 1 else f"{value:.3g} s"


def clock(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S}"


def mix(labels: Mapping[str, float]) -> list[tuple[str, float]]:
    """Return the shares of the commonest labels, the others together."""
    total = sum(labels.values())
    first = [(label, n / total) for label, n in list(labels.items())[:MOST_LABELS]]
    others = len(labels) - len(first)
    rest = [(f"{others} others", 1 - sum(part for _, part in first))] if others else []
    return first + rest
