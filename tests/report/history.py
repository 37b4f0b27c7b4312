"""A day in Prometheus's storage, written at once instead of recorded for a day."""

import subprocess
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

HOSTILE = '</svg><script>document.title = "taken"</script> $x$ "q" & <img src=//example.com/a.png>'
TOPICS = ("sports", "政治", "$cash$ \\frac", HOSTILE)
SURGE_MINUTES = range(700, 720)

# By minute of the day; None where there is no sample.
Value = Callable[[int], float | None]


def write_day(day: datetime, data: Path) -> None:
    """Write a day's series, a sample a minute, and an hour before and after it."""
    first = int(day.timestamp())
    text = data.with_suffix(".om")
    with text.open("w", encoding="utf-8") as out:
        for series, value in all_series():
            for minute in range(-60, 1500):
                if (now := value(minute)) is not None:
                    out.write(f"{series} {now} {first + 60 * minute}\n")
        out.write("# EOF\n")
    subprocess.run(
        ["promtool", "tsdb", "create-blocks-from", "openmetrics", str(text), str(data)],
        check=True,
        capture_output=True,
    )


def all_series() -> Iterator[tuple[str, Value]]:
    yield "classmark_ready", lambda _: 1
    for status, a_minute in (("200", 99), ("503", 1)):
        labels = f'route="/v1/analyze",model="",status="{status}"'
        yield f"classmark_requests_total{{{labels}}}", counter(a_minute)
    yield 'classmark_requests_total{route="/metrics",model="",status="200"}', counter(1000)
    for bound, a_minute in (("0.01", 50), ("0.02", 99), ("+Inf", 99)):
        labels = f'route="/v1/analyze",model="",status_class="2xx",le="{bound}"'
        yield f"classmark_request_seconds_bucket{{{labels}}}", counter(a_minute)
    for topic in TOPICS:
        name = quote(topic)
        for sentiment, a_minute in (("negative", 3), ("positive", 7)):
            more = 10 if (topic, sentiment) == ("sports", "negative") else 0
            labels = f"topic={name},sentiment={quote(sentiment)}"
            yield f"classmark_opinions_total{{{labels}}}", counter(a_minute, more)
        yield f"classmark:opinions_negative:ratio_baseline{{topic={name}}}", lambda _: 0.3
    labels = 'alertname="ClassmarkOpinionSurge",alertstate="firing",severity="warning"'
    yield f'ALERTS{{{labels},topic="sports"}}', lambda at: 1 if at in SURGE_MINUTES else None
    for label, a_minute in ((HOSTILE, 6), ("negative", 4)):
        labels = f'model="mood",version="1",label={quote(label)}'
        yield f"classmark_answers_total{{{labels}}}", counter(a_minute)
    for bound, a_minute in (("0.6", 1), ("+Inf", 10)):
        labels = f'model="mood",version="1",le="{bound}"'
        yield f"classmark_answer_score_bucket{{{labels}}}", counter(a_minute)


def counter(a_minute: float, in_surge: float = 0) -> Value:
    """Return a counter's value by minute; it grows faster in the surge."""

    def value(minute: int) -> float:
        surged = max(0, min(minute, SURGE_MINUTES.stop) - SURGE_MINUTES.start)
        return a_minute * (minute + 60) + in_surge * surged

    return value


def quote(label: str) -> str:
    escaped = label.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
