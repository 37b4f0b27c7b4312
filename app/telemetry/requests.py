"""Defines what is measured of requests: how they end, how long they take, what they are told."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge

from app.telemetry.histogram import Histogram, Series

SECONDS = (
    *(0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075),
    *(0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 5.0, 10.0, 30.0),
)
TOKENS = (4, 8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 1024, 2048, 4096)
REJECTION_REASONS = (
    *("overload", "deadline", "cancelled", "not_ready"),
    *("invalid", "unauthorized", "failed"),
)
STAGES = ("encode", "queue", "run", "decode")
# Labels of one model that answers are counted under; a model may have thousands.
MOST_LABELS = 100
OTHER: Final = "other"


class AnswerCounters(dict[str, Counter]):
    """The counters of one model's answers by label; the first labels get one each."""

    def __init__(self, answers: Counter, model: str) -> None:
        super().__init__()
        self._answers = answers
        self._model = model

    def __missing__(self, label: str) -> Counter:
        shown = label if len(self) < MOST_LABELS else OTHER
        counter = self[label] = self._answers.labels(self._model, shown)
        return counter


class RequestMetrics:
    """Requests as they end, and their stages."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._observe_ends(registry)
        self._observe_stages(registry)
        self._observe_inputs(registry)
        self._observe_cache(registry)
        self._ends: dict[tuple[str, str, int], tuple[Counter, Series]] = {}
        self._keys: dict[tuple[str, int], Counter] = {}

    def count_request(self, route: str, model: str, status: int, seconds: float) -> Series:
        """Count and time a request that has ended; return the series of its time."""
        known = self._ends.get((route, model, status))
        if known is None:
            known = self._ends[route, model, status] = (
                self.requests.labels(route, model, str(status)),
                self.request_seconds.labels(route, model, _status_class(status)),
            )
        counter, histogram = known
        counter.inc()
        histogram.observe(seconds)
        return histogram

    def count_key(self, key: str, status: int) -> None:
        """Count a request that came with a known key, by the key's name."""
        counter = self._keys.get((key, status))
        if counter is None:
            counter = self.key_requests.labels(key, _status_class(status))
            self._keys[key, status] = counter
        counter.inc()

    def count_failed_input(self, model: str, status: int) -> None:
        """Count an input that failed while its neighbours are answered."""
        self.failed_inputs.labels(model, _status_class(status)).inc()

    def count_rejection(self, reason: str) -> None:
        """Count a request that is not answered, by one of REJECTION_REASONS."""
        self._rejections[reason].inc()

    def _observe_ends(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "classmark_requests",
            "Requests answered, by route, model and HTTP status.",
            ["route", "model", "status"],
            registry=registry,
        )
        self.request_seconds = Histogram(
            "classmark_request_seconds",
            "Time from the request's first byte to its answer, by class of status: 2xx, 4xx, 5xx.",
            ["route", "model", "status_class"],
            buckets=SECONDS,
            registry=registry,
        )
        self.key_requests = Counter(
            "classmark_key_requests",
            "Requests that came with an API key, by its name.",
            ["key", "status_class"],
            registry=registry,
        )
        rejections = Counter(
            "classmark_rejections",
            f"Requests not answered, by reason: {', '.join(REJECTION_REASONS)}.",
            ["reason"],
            registry=registry,
        )
        self._rejections = {reason: rejections.labels(reason) for reason in REJECTION_REASONS}

    def _observe_stages(self, registry: CollectorRegistry) -> None:
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

    def _observe_inputs(self, registry: CollectorRegistry) -> None:
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
        self.answers = Counter(
            "classmark_answers",
            "Texts by their best label, and entities by their group.",
            ["model", "label"],
            registry=registry,
        )
        self.failed_inputs = Counter(
            "classmark_failed_inputs",
            "Inputs answered with an error in their place.",
            ["model", "status_class"],
            registry=registry,
        )

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


def _status_class(status: int) -> str:
    return f"{status // 100}xx"
