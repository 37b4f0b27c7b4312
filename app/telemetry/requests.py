"""Defines what is measured of requests: how they end, how long they take, what they are told."""

from collections.abc import Collection

from prometheus_client import CollectorRegistry, Counter, Gauge

from app.telemetry.histogram import Histogram, Series

SECONDS = (
    *(0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075),
    *(0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 5.0, 10.0, 30.0),
)
REJECTION_REASONS = (
    *("overload", "deadline", "cancelled", "not_ready"),
    *("invalid", "unauthorized", "failed"),
)
STAGES = ("encode", "queue", "run", "decode")


class RequestMetrics:
    """Requests as they end, and their stages."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._observe_ends(registry)
        self._observe_stages(registry)
        self._observe_cache(registry)
        self._ends: dict[tuple[str, str, str, int], tuple[Counter, Series]] = {}
        self._keys: dict[tuple[str, int], Counter] = {}

    def count_request(
        self, route: str, model: str, version: str, status: int, seconds: float
    ) -> Series:
        """Count and time a request that has ended; return the series of its time.

        Model and version may be empty.
        """
        known = self._ends.get((route, model, version, status))
        if known is None:
            known = self._ends[route, model, version, status] = (
                self.requests.labels(route, model, version, str(status)),
                self.request_seconds.labels(route, model, version, status_class(status)),
            )
        counter, histogram = known
        counter.inc()
        histogram.observe(seconds)
        return histogram

    def forget_ends(self, model: str, kept: Collection[str]) -> None:
        """Look series up anew, but those of these versions of a model and of other models."""
        for key in [k for k in self._ends if k[1] == model and k[2] not in kept]:
            del self._ends[key]

    def count_key(self, key: str, status: int) -> None:
        """Count a request that came with a known key, by the key's name."""
        counter = self._keys.get((key, status))
        if counter is None:
            counter = self.key_requests.labels(key, status_class(status))
            self._keys[key, status] = counter
        counter.inc()

    def count_failed_input(self, model: str, status: int) -> None:
        """Count an input that failed while its neighbours are answered."""
        self.failed_inputs.labels(model, status_class(status)).inc()

    def count_rejection(self, reason: str) -> None:
        """Count a request that is not answered, by one of REJECTION_REASONS."""
        self._rejections[reason].inc()

    def _observe_ends(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "classmark_requests",
            "Requests answered. model is empty where none was found, and before the body was read "
            "where several models do what the route does; version, until the model is found.",
            ["route", "model", "version", "status"],
            registry=registry,
        )
        self.request_seconds = Histogram(
            "classmark_request_seconds",
            "Time from a request's first byte to its answer; answers are 2xx, refusals 4xx and "
            "5xx.",
            ["route", "model", "version", "status_class"],
            buckets=SECONDS,
            registry=registry,
        )
        self.key_requests = Counter(
            "classmark_key_requests",
            "Requests that came with an API key, by its name.",
            ["key", "status_class"],
            registry=registry,
        )
        self.failed_inputs = Counter(
            "classmark_failed_inputs",
            "Inputs answered with an error in their place (on_error: report).",
            ["model", "status_class"],
            registry=registry,
        )
        rejections = Counter(
            "classmark_rejections",
            "Requests turned away: overload 429, deadline 504, cancelled 499, not_ready 503, "
            "unauthorized 401 and 403, failed 500, invalid the rest.",
            ["reason"],
            registry=registry,
        )
        self._rejections = {reason: rejections.labels(reason) for reason in REJECTION_REASONS}

    def _observe_stages(self, registry: CollectorRegistry) -> None:
        self.requests_in_flight = Gauge(
            "classmark_requests_in_flight",
            "Requests being answered, the scrape itself included.",
            registry=registry,
        )
        self.connections = Gauge(
            "classmark_connections", "Connections of clients.", registry=registry
        )
        self.stage_seconds = Histogram(
            "classmark_stage_seconds",
            f"Time of an answered request in {', '.join(STAGES)}; of its slowest input for queue "
            "and run.",
            ["stage", "model"],
            buckets=SECONDS,
            registry=registry,
        )

    def _observe_cache(self, registry: CollectorRegistry) -> None:
        self.cache_lookups = Counter(
            "classmark_cache_lookups",
            "Inputs looked up in the answer cache: hit, miss.",
            ["model", "outcome"],
            registry=registry,
        )
        self.cache_bytes = Gauge(
            "classmark_cache_bytes",
            "Memory that kept answers take, by estimate.",
            registry=registry,
        )


def status_class(status: int) -> str:
    """Return the class of an HTTP status: 2xx, 4xx, 5xx."""
    return f"{status // 100}xx"
