"""What is told of a span: figures of the service, its models, opinions and alerts."""

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from report.errors import ReportError
from report.options import Span
from report.prometheus import PrometheusApi, Series

# As the rules in docker/prometheus/rules/service.yml count requests.
_ENDS = "analyze|classify|infer|invocations|ner|predict|rerank"
INFERENCE = f'route=~".*[/:]({_ENDS})|/models/[^/]+|/|unrouted"'
FAILED = 'status=~"429|5.."'
# An alert that pauses for longer fired twice.
PAUSE_SECONDS = 300.0
# One that was evaluated so shortly before the end still fires.
STILL_SECONDS = 90.0


@dataclass(frozen=True, slots=True)
class Service:
    """Shares are from 0 to 1, latencies in seconds; NaN where nothing was recorded."""

    requests: float
    answered_share: float
    ready_share: float
    median: float
    p95: float
    p99: float


@dataclass(frozen=True, slots=True)
class ModelAnswers:
    """A model's answers by label, and the share of those with a score up to 0.6."""

    model: str
    labels: Mapping[str, float]
    low_confidence: float


@dataclass(frozen=True, slots=True)
class Topic:
    """Texts on a topic; `trend` is the share in the second half less that in the first."""

    name: str
    texts: float
    negative: float
    trend: float

    @property
    def share(self) -> float:
        return self.negative / self.texts


@dataclass(frozen=True, slots=True)
class FiredAlert:
    """One time that an alert fired, in seconds since the epoch."""

    name: str
    labels: Mapping[str, str]
    since: float
    until: float
    is_over: bool


@dataclass(frozen=True, slots=True)
class Day:
    """All of it; curves by topic or sentiment, in texts a minute or as shares."""

    span: Span
    service: Service
    models: list[ModelAnswers]
    topics: list[Topic]
    alerts: list[FiredAlert]
    texts_by_topic: list[Series]
    texts_by_sentiment: list[Series]
    negative_share: list[Series]
    baseline: list[Series]


def read_day(api: PrometheusApi, span: Span) -> Day:
    """Ask for everything; raise ReportError if Prometheus recorded nothing of a service."""
    if not api.at_end(f"count(count_over_time(classmark_ready[{span.seconds}s]))"):
        raise ReportError(
            f"Prometheus recorded nothing of Classmark from {span.start:%Y-%m-%d %H:%M} to "
            f"{span.end:%Y-%m-%d %H:%M} UTC; see under Targets that it scrapes the service, and "
            "its retention, or ask for another --day"
        )
    volume, share = span.window(300), span.window(600)
    per_minute = f"(rate(classmark_opinions_total[{volume}])) * 60"
    negative = f'increase(classmark_opinions_total{{sentiment="negative"}}[{share}])'
    texts = f"increase(classmark_opinions_total[{share}])"
    return Day(
        span,
        read_service(api, span),
        read_models(api, span),
        read_topics(api, span),
        read_alerts(api, span),
        api.curves(f"sum by (topic) {per_minute}"),
        api.curves(f"sum by (sentiment) {per_minute}"),
        api.curves(
            f"(sum by (topic) ({negative}) or sum by (topic) ({texts}) * 0)"
            f" / (sum by (topic) ({texts}) > 0)"
        ),
        api.curves("classmark:opinions_negative:ratio_baseline"),
    )


def read_service(api: PrometheusApi, span: Span) -> Service:
    requests = f"sum(increase(classmark_requests_total{{{INFERENCE}}}[{span.seconds}s]))"
    failed = f"sum(increase(classmark_requests_total{{{INFERENCE}, {FAILED}}}[{span.seconds}s]))"
    buckets = f'classmark_request_seconds_bucket{{{INFERENCE}, status_class="2xx"}}'
    latency = f"sum by (le) (increase({buckets}[{span.seconds}s]))"
    return Service(
        api.number(requests),
        api.number(f"1 - (({failed} or vector(0)) / ({requests} > 0))"),
        api.number(f"avg(avg_over_time(classmark_ready[{span.seconds}s]))"),
        *(api.number(f"histogram_quantile({q}, {latency})") for q in (0.5, 0.95, 0.99)),
    )


def read_models(api: PrometheusApi, span: Span) -> list[ModelAnswers]:
    """Return what each model answered, by its name."""
    answers: dict[str, dict[str, float]] = defaultdict(dict)
    counted = f"sum by (model, label) (increase(classmark_answers_total[{span.seconds}s])) > 0"
    for labels, count in api.at_end(counted):
        answers[labels["model"]][labels["label"]] = count
    scores = f"increase(classmark_answer_score_bucket{{le=%s}}[{span.seconds}s])"
    low, every = (f"sum by (model) ({scores % le})" for le in ('"0.6"', '"+Inf"'))
    uncertain = {labels["model"]: n for labels, n in api.at_end(f"{low} / ({every} > 0)")}
    return [
        ModelAnswers(model, _largest_first(labels), uncertain.get(model, math.nan))
        for model, labels in sorted(answers.items())
    ]


def read_topics(api: PrometheusApi, span: Span) -> list[Topic]:
    """Return the topics, that with most texts first."""
    half = span.seconds // 2
    texts, negative = _counts(api, span.seconds, 0)
    late, late_negative = _counts(api, half, 0)
    early, early_negative = _counts(api, half, half)
    return [
        Topic(
            name,
            count,
            negative.get(name, 0.0),
            _ratio(late_negative.get(name, 0.0), late.get(name, 0.0))
            - _ratio(early_negative.get(name, 0.0), early.get(name, 0.0)),
        )
        for name, count in _largest_first(texts).items()
        if count > 0
    ]


def _counts(
    api: PrometheusApi, seconds: int, before: int
) -> tuple[dict[str, float], dict[str, float]]:
    """Return all texts and the negative ones by topic, of a part of the span."""
    offset = f" offset {before}s" if before else ""
    all_texts: dict[str, float] = defaultdict(float)
    negative: dict[str, float] = defaultdict(float)
    counted = f"increase(classmark_opinions_total[{seconds}s]{offset})"
    for labels, count in api.at_end(f"sum by (topic, sentiment) ({counted})"):
        all_texts[labels["topic"]] += count
        if labels["sentiment"] == "negative":
            negative[labels["topic"]] += count
    return all_texts, negative


def read_alerts(api: PrometheusApi, span: Span) -> list[FiredAlert]:
    """Return every time that an alert of ours fired, the earliest first."""
    fired = []
    for series in api.samples('ALERTS{alertstate="firing", alertname=~"Classmark.*"}'):
        labels = dict(series.labels)
        name = labels.pop("alertname")
        for unwanted in ("__name__", "alertstate"):
            labels.pop(unwanted, None)
        since = until = series.times[0]
        for at in series.times[1:]:
            if at - until > PAUSE_SECONDS:
                fired.append(FiredAlert(name, labels, since, until, True))
                since = at
            until = at
        is_over = span.end.timestamp() - until > STILL_SECONDS
        fired.append(FiredAlert(name, labels, since, until, is_over))
    return sorted(fired, key=lambda one: one.since)


def _largest_first(counts: Mapping[str, float]) -> dict[str, float]:
    return dict(sorted(counts.items(), key=lambda one: (-one[1], one[0])))


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0 else math.nan
