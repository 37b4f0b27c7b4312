"""Exports spans over OTLP from a thread of its own, and counts them; failures are not loud."""

import logging
import time
from collections.abc import Callable, Sequence

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from prometheus_client import CollectorRegistry, Counter

from app.tracing.metrics import SpanMetrics

# A collector that is down would be told of every second or so.
REPORT_SECONDS = 60.0
REPEATING = (
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
    "opentelemetry.sdk._shared_internal",
)
# These speak of headers that callers send, and of each connection to the collector.
SILENT = ("opentelemetry.trace", "opentelemetry.attributes", "urllib3")


class CountingExporter(SpanExporter):
    """An exporter whose spans are counted; on the exporting thread."""

    def __init__(self, exporter: SpanExporter, spans: Counter) -> None:
        self._exporter = exporter
        self._exported, self._failed = spans.labels("exported"), spans.labels("failed")

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._exporter.export(spans)
        counter = self._exported if result is SpanExportResult.SUCCESS else self._failed
        counter.inc(len(spans))
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()


class CountingProcessor(BatchSpanProcessor):
    """The library's queue and thread, with a count of what comes in: it tells not what it drops."""

    def __init__(self, exporter: SpanExporter, ended: Callable[[], None]) -> None:
        super().__init__(exporter)
        self._ended = ended

    def on_end(self, span: ReadableSpan) -> None:
        self._ended()
        super().on_end(span)


def make_processor(registry: CollectorRegistry) -> SpanProcessor:
    """Build what takes spans; OpenTelemetry's environment variables say where they go."""
    spans = SpanMetrics(registry).spans
    for name in SILENT:
        logging.getLogger(name).setLevel(logging.ERROR)
    for name in REPEATING:
        logging.getLogger(name).addFilter(_now_and_then())
    exporter = CountingExporter(OTLPSpanExporter(), spans)
    return CountingProcessor(exporter, spans.labels("ended").inc)


def _now_and_then() -> Callable[[logging.LogRecord], bool]:
    """Return a filter that lets one event of each level through, then none for a while."""
    next_at: dict[int, float] = {}

    def passes(record: logging.LogRecord) -> bool:
        now = time.monotonic()
        if now < next_at.get(record.levelno, now):
            return False
        next_at[record.levelno] = now + REPORT_SECONDS
        return True

    return passes
