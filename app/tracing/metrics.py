"""Counts spans; there only where something is traced."""

from prometheus_client import CollectorRegistry, Counter


class SpanMetrics:
    """Spans, by what became of them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.spans = Counter(
            "classmark_spans",
            "Spans of traces: exported, failed (the collector did not take them), dropped (too "
            "many were waiting for it).",
            ["outcome"],
            registry=registry,
        )
        for outcome in ("exported", "failed", "dropped"):
            self.spans.labels(outcome)
