"""Defines what is measured of batches, their queue, and the executors that run them."""

from prometheus_client import CollectorRegistry, Counter, Gauge

from app.telemetry.asked import AskedCounter
from app.telemetry.histogram import Histogram
from app.telemetry.requests import SECONDS

COUNTS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 256)


class BatchMetrics:
    """Batches, queue, executors."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._observe_batches(registry)
        self._observe_queue(registry)
        self._observe_executors(registry)

    def _observe_batches(self, registry: CollectorRegistry) -> None:
        self.batch_entries = Histogram(
            "classmark_batch_entries",
            "Texts, or windows of texts, in a batch.",
            ["model"],
            buckets=COUNTS,
            registry=registry,
        )
        self.batch_seconds = Histogram(
            "classmark_batch_seconds",
            "Time a batch ran.",
            ["model", "version"],
            buckets=SECONDS,
            registry=registry,
        )
        self.batch_tokens = Counter(
            "classmark_batch_tokens",
            "Tokens run: real, and padding up to the longest of the batch.",
            ["model", "kind"],
            registry=registry,
        )
        self.batch_failures = Counter(
            "classmark_batch_failures",
            "Batches that raised; their entries are run again, one at a time.",
            ["model"],
            registry=registry,
        )

    def _observe_queue(self, registry: CollectorRegistry) -> None:
        self.queue_entries = Gauge(
            "classmark_queue_entries",
            "Texts, or windows of texts, waiting for an executor.",
            registry=registry,
        )
        self.queue_expected_wait_seconds = Gauge(
            "classmark_queue_expected_wait_seconds",
            "What admission expects a new request to wait.",
            registry=registry,
        )

    def _observe_executors(self, registry: CollectorRegistry) -> None:
        self.executors = Gauge(
            "classmark_executors",
            "Executors: alive, busy, and stuck (one batch for over a minute).",
            ["state"],
            registry=registry,
        )
        self.executor_busy_seconds = AskedCounter(
            "classmark_executor_busy_seconds",
            "Time that executors ran batches, the running ones included: its rate is how many are "
            "busy, which is proportional to load; scale on it.",
            registry,
        )
        self.executor_restarts = Counter(
            "classmark_executor_restarts",
            "Executors that died and were replaced.",
            registry=registry,
        )
        self.process_restarts = Counter(
            "classmark_process_restarts",
            "Processes that died, or hung and were killed, and were replaced: engine, front-end; "
            "only with CLASSMARK_WORKERS over 1.",
            ["role"],
            registry=registry,
        )
