"""Holds every metric of the service: base units, labels bounded by the loaded models."""

from collections.abc import Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, disable_created_metrics
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from app.telemetry.batches import BatchMetrics
from app.telemetry.histogram import Series
from app.telemetry.memory import MemoryCollector
from app.telemetry.models import ModelMetrics
from app.telemetry.requests import STAGES, AnswerCounters, RequestMetrics


@dataclass(frozen=True, slots=True)
class ModelSeries:
    """The series of one model that every request or batch adds to, looked up once."""

    stage_seconds: Mapping[str, Series]
    input_tokens: Series
    truncated_inputs: Counter
    answers: Mapping[str, Counter]
    batch_entries: Series
    batch_seconds: Series
    batch_real_tokens: Counter
    batch_padding_tokens: Counter


class Metrics(RequestMetrics, BatchMetrics, ModelMetrics):
    """One registry per application, so that a process can have several applications."""

    def __init__(self) -> None:
        # Creation times would double the number of series and help nobody.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        MemoryCollector(registry)
        RequestMetrics.__init__(self, registry)
        BatchMetrics.__init__(self, registry)
        ModelMetrics.__init__(self, registry)
        self._series: dict[str, ModelSeries] = {}

    def of(self, model: str) -> ModelSeries:
        """Return the series that record requests to the model and its batches."""
        series = self._series.get(model)
        if series is None:
            series = self._series[model] = ModelSeries(
                {stage: self.stage_seconds.labels(stage, model) for stage in STAGES},
                self.input_tokens.labels(model),
                self.truncated_inputs.labels(model),
                AnswerCounters(self.answers, model),
                self.batch_entries.labels(model),
                self.batch_seconds.labels(model),
                self.batch_tokens.labels(model, "real"),
                self.batch_tokens.labels(model, "padding"),
            )
        return series
