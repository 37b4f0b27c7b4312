"""Counts opinions by topic and sentiment."""

from prometheus_client import CollectorRegistry, Counter

from app.monitor.opinions import Opinion
from app.telemetry.predictions import MOST_LABELS, OTHER


class _Shown(dict[str, str]):
    """What labels are counted as: the first each as itself; a model may have thousands."""

    def __missing__(self, label: str) -> str:
        shown = self[label] = label if len(self) < MOST_LABELS else OTHER
        return shown


class OpinionCounter:
    """The metric, with labels that are bounded by the models'."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._opinions = Counter(
            "classmark_opinions",
            "Texts that /v1/analyze was asked about, by the topic model's label and the sentiment "
            "model's; `negative` for each label that CLASSMARK_NEGATIVE_LABELS has.",
            ["topic", "sentiment"],
            registry=registry,
        )
        self._topics, self._sentiments = _Shown(), _Shown()

    def count(self, opinion: Opinion) -> None:
        """Count an opinion that has a topic."""
        if opinion.topic:
            topic, sentiment = self._topics[opinion.topic], self._sentiments[opinion.sentiment]
            self._opinions.labels(topic, sentiment).inc()
