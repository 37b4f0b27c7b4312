"""Defines what is measured of models: which version serves, what is wrong with it, its loads."""

from prometheus_client import CollectorRegistry, Counter, Gauge

from app.telemetry.histogram import Histogram
from app.telemetry.requests import SECONDS


class ModelMetrics:
    """Models and their versions."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._observe_service(registry)
        self._observe_states(registry)
        self._observe_loads(registry)

    def _observe_service(self, registry: CollectorRegistry) -> None:
        self.ready = Gauge(
            "classmark_ready",
            "1 while /health/ready says yes.",
            registry=registry,
        )
        self.build_info = Gauge(
            "classmark_build_info",
            "1, labelled with the service's version.",
            ["version"],
            registry=registry,
        )
        self.cold_start_seconds = Gauge(
            "classmark_cold_start_seconds",
            "Time from the process's start until it was ready for the first time; 0 until then, "
            "and if no model served once the store had been read.",
            registry=registry,
        )

    def _observe_states(self, registry: CollectorRegistry) -> None:
        self.model_info = Gauge(
            "classmark_model_info",
            "1 for the version of each model that serves; execution: padded, packed or captured "
            "(CUDA graphs).",
            ["model", "version", "task", "precision", "provider", "execution", "batch_invariant"],
            registry=registry,
        )
        self.model_behind = Gauge(
            "classmark_model_behind",
            "1 while a model does not serve what the store wants: refused, incomplete, or with a "
            "pin that cannot be read.",
            ["model"],
            registry=registry,
        )
        self.model_refused = Gauge(
            "classmark_model_refused",
            "1 while the version that the store wants, or the pin, is refused; an incomplete copy "
            "is not.",
            ["model"],
            registry=registry,
        )
        self.model_degraded = Gauge(
            "classmark_model_degraded",
            "1 while a model runs slower than it should here, because something better failed; "
            "degraded in GET /v1/models says what.",
            ["model"],
            registry=registry,
        )

    def _observe_loads(self, registry: CollectorRegistry) -> None:
        self.reloads = Counter(
            "classmark_reloads",
            "Attempts to load a version: loaded, failed, incomplete (files missing).",
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
