"""Exports spans over OTLP from a thread of its own, and counts them; failures are not loud."""

import logging
import os
import time
from collections.abc import Callable, Sequence

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.environment_variables import OTEL_BSP_MAX_QUEUE_SIZE
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from prometheus_client import CollectorRegistry, Counter

from app.tracing.metrics import SpanMetrics

logger = logging.getLogger(__name__)

# A collector that is down would be told of every second or so.
REPORT_SECONDS = 60.0
REPEATING = "opentelemetry.exporter.otlp.proto.http.trace_exporter"
# These speak of headers that callers send, and of each connection to the collector.
SILENT = ("opentelemetry.trace", "opentelemetry.attributes", "urllib3")


class CountingExporter(SpanExporter):
    """An exporter whose spans are counted; on the exporting thread.

    Attributes:
        taken: spans that have left the queue.
    """

    def __init__(self, exporter: SpanExporter, spans: Counter) -> None:
        self._exporter = exporter
        self._exported, self._failed = spans.labels("exported"), spans.labels("failed")
        self.taken = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.taken += len(spans)
        result = self._exporter.export(spans)
        counter = self._exported if result is SpanExportResult.SUCCESS else self._failed
        counter.inc(len(spans))
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()


class BoundedProcessor(BatchSpanProcessor):
    """The library's queue and thread; what does not fit is dropped before.

    The library would log each span that it drops: a hung collector would then slow the service.
    """

    def __init__(self, exporter: CountingExporter, limit: int, dropped: Counter) -> None:
        super().__init__(exporter, max_queue_size=limit)
        self._counted = exporter
        self._limit = limit
        self._dropped = dropped
        self._accepted = 0
        self._report_at = 0.0

    def on_end(self, span: ReadableSpan) -> None:
        """Queue a span, or drop it; from the event loop's thread only."""
        if self._accepted - self._counted.taken < self._limit:
            self._accepted += 1
            super().on_end(span)
            return
        self._dropped.inc()
        if (now := time.monotonic()) >= self._report_at:
            self._report_at = now + REPORT_SECONDS
            logger.warning("spans are dropped", extra={"waiting": self._limit})


def make_processor(registry: CollectorRegistry) -> SpanProcessor:
    """Build what takes spans; OpenTelemetry's environment variables say where they go."""
    spans = SpanMetrics(registry).spans
    for name in SILENT:
        logging.getLogger(name).setLevel(logging.ERROR)
    logging.getLogger(REPEATING).addFilter(_now_and_then())
    exporter = CountingExporter(OTLPSpanExporter(), spans)
    return BoundedProcessor(exporter, _queue_limit(), spans.labels("dropped"))


def _queue_limit() -> int:
    """Return how many spans may wait; raise ValueError for what is no number."""
    given = os.environ.get(OTEL_BSP_MAX_QUEUE_SIZE) or "2048"
    if not given.isdigit():
        raise ValueError(f"{OTEL_BSP_MAX_QUEUE_SIZE}={given} is no number of spans; 2048 is usual")
    return int(given)


def _now_and_then() -> Callable[[logging.LogRecord], bool]:
    """Return a filter that lets an event of each level through, then none of it for a while."""
    next_at: dict[int, float] = {}

    def passes(record: logging.LogRecord) -> bool:
        now = time.monotonic()
        if now < next_at.get(record.levelno, now):
            return False
        next_at[record.levelno] = now + REPORT_SECONDS
        return True

    return passes
