"""Defines every metric of the service: base units, labels bounded by the loaded models."""

from collections.abc import Mapping
from dataclasses import dataclass

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    disable_created_metrics,
)
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from app.telemetry.histogram import Histogram, Series

SECONDS = (
    *(0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075),
    *(0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 5.0, 10.0, 30.0),
)
COUNTS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 256)
TOKENS = (4, 8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 1024, 2048, 4096)
REJECTION_REASONS = (
    *("overload", "deadline", "cancelled", "not_ready"),
    *("invalid", "unauthorized", "failed"),
)


STAGES = ("encode", "queue", "run", "decode")


@dataclass(frozen=True, slots=True)
class ModelSeries:
    """The series of one model that every request or batch adds to, looked up once."""

    stage_seconds: Mapping[str, Series]
    input_tokens: Series
    truncated_inputs: Counter
    batch_entries: Series
    batch_seconds: Series
    batch_real_tokens: Counter
    batch_padding_tokens: Counter


class Metrics:
    """One registry per application, so that a process can have several applications."""

    def __init__(self) -> None:
        # Creation times would double the number of series and help nobody.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        self._observe_requests(registry)
        self._observe_cache(registry)
        self._observe_batches(registry)
        self._observe_processes(registry)
        self._observe_models(registry)
        self._series: dict[str, ModelSeries] = {}
        self._ends: dict[tuple[str, str, int], tuple[Counter, Series]] = {}

    def of(self, model: str) -> ModelSeries:
        """Return the series that record requests to the model and its batches."""
        series = self._series.get(model)
        if series is None:
            series = self._series[model] = ModelSeries(
                {stage: self.stage_seconds.labels(stage, model) for stage in STAGES},
                self.input_tokens.labels(model),
                self.truncated_inputs.labels(model),
                self.batch_entries.labels(model),
                self.batch_seconds.labels(model),
                self.batch_tokens.labels(model, "real"),
                self.batch_tokens.labels(model, "padding"),
            )
        return series

    def count_request(self, route: str, model: str, status: int, seconds: float) -> None:
        """Count and time a request that has ended."""
        known = self._ends.get((route, model, status))
        if known is None:
            known = self._ends[route, model, status] = (
                self.requests.labels(route, model, str(status)),
                self.request_seconds.labels(route, model),
            )
        counter, histogram = known
        counter.inc()
        histogram.observe(seconds)

    def count_rejection(self, reason: str) -> None:
        """Count a request that is not answered, by one of REJECTION_REASONS."""
        self._rejections[reason].inc()

    def _observe_requests(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "classmark_requests",
            "Requests answered, by route, model and HTTP status.",
            ["route", "model", "status"],
            registry=registry,
        )
        self.request_seconds = Histogram(
            "classmark_request_seconds",
            "Time from the request's first byte to its answer.",
            ["route", "model"],
            buckets=SECONDS,
            registry=registry,
        )
        self.requests_in_flight = Gauge(
            "classmark_requests_in_flight", "Requests being answered.", registry=registry
        )
        self.connections = Gauge(
            "classmark_connections", "Connections of clients.", registry=registry
        )
        self.stage_seconds = Histogram(
            "classmark_stage_seconds",
            f"Time of a request in each stage: {', '.join(STAGES)}.",
            ["stage", "model"],
            buckets=SECONDS,
            registry=registry,
        )
        self.input_tokens = Histogram(
            "classmark_input_tokens",
            "Tokens of an input, over all its windows.",
            ["model"],
            buckets=TOKENS,
            registry=registry,
        )
        self.truncated_inputs = Counter(
            "classmark_truncated_inputs",
            "Inputs cut to the model's length.",
            ["model"],
            registry=registry,
        )
        rejections = Counter(
            "classmark_rejections",
            f"Requests not answered, by reason: {', '.join(REJECTION_REASONS)}.",
            ["reason"],
            registry=registry,
        )
        self._rejections = {reason: rejections.labels(reason) for reason in REJECTION_REASONS}

    def _observe_cache(self, registry: CollectorRegistry) -> None:
        self.cache_lookups = Counter(
            "classmark_cache_lookups",
            "Inputs looked up in the answer cache, by outcome: hit, miss.",
            ["model", "outcome"],
            registry=registry,
        )
        self.cache_bytes = Gauge(
            "classmark_cache_bytes",
            "Memory that kept answers take, by estimate.",
            registry=registry,
        )

    def _observe_batches(self, registry: CollectorRegistry) -> None:
        self.batch_entries = Histogram(
            "classmark_batch_entries",
            "Entries in a batch.",
            ["model"],
            buckets=COUNTS,
            registry=registry,
        )
        self.batch_seconds = Histogram(
            "classmark_batch_seconds",
            "Time a batch ran.",
            ["model"],
            buckets=SECONDS,
            registry=registry,
        )
        self.batch_tokens = Counter(
            "classmark_batch_tokens",
            "Tokens run, by kind: real, or padding up to the longest of the batch.",
            ["model", "kind"],
            registry=registry,
        )
        self.batch_failures = Counter(
            "classmark_batch_failures",
            "Batches that raised; their entries are retried one at a time.",
            ["model"],
            registry=registry,
        )
        self.queue_entries = Gauge(
            "classmark_queue_entries", "Entries waiting for an executor.", registry=registry
        )
        self.queue_expected_wait_seconds = Gauge(
            "classmark_queue_expected_wait_seconds",
            "What admission expects a new request to wait.",
            registry=registry,
        )
        self.executors = Gauge(
            "classmark_executors",
            "Executors, by state: alive, busy, stuck.",
            ["state"],
            registry=registry,
        )
        self.executor_restarts = Counter(
            "classmark_executor_restarts",
            "Executors that died and were replaced.",
            registry=registry,
        )

    def _observe_processes(self, registry: CollectorRegistry) -> None:
        self.process_restarts = Counter(
            "classmark_process_restarts",
            "Processes that died and were replaced, by role; only with several workers.",
            ["role"],
            registry=registry,
        )

    def _observe_models(self, registry: CollectorRegistry) -> None:
        self.ready = Gauge(
            "classmark_ready",
            "1 while the service can answer, as /health/ready says.",
            registry=registry,
        )
        self.model_info = Gauge(
            "classmark_model_info",
            "1 for the version of each model that serves.",
            ["model", "version", "task", "precision", "provider", "execution", "batch_invariant"],
            registry=registry,
        )
        self.model_behind = Gauge(
            "classmark_model_behind",
            "1 while a model does not serve what the store wants.",
            ["model"],
            registry=registry,
        )
        self.reloads = Counter(
            "classmark_reloads",
            "Attempts to load a version, by outcome: loaded, failed, incomplete.",
            ["model", "outcome"],
            registry=registry,
        )
        self.load_seconds = Histogram(
            "classmark_model_load_seconds",
            "Time to verify, load, warm up and check a version.",
            ["model"],
            buckets=SECONDS,
            registry=registry,
        )
        self.build_info = Gauge(
            "classmark_build_info",
            "1, labelled with the service's version.",
            ["version"],
            registry=registry,
        )
