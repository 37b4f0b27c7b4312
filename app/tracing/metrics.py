"""Counts spans; there only where something is traced."""

from prometheus_client import CollectorRegistry, Counter


class SpanMetrics:
    """Spans, by what became of them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.spans = Counter(
            "classmark_spans",
            "Spans of traces: ended; of these, exported or failed (the collector did not take "
            "them). The rest waits to be exported, or was dropped from a full queue.",
            ["outcome"],
            registry=registry,
        )
        for outcome in ("ended", "exported", "failed"):
            self.spans.labels(outcome)
