"""Holds every metric of the service: base units, labels bounded by the loaded models."""

from collections.abc import Collection, Mapping

from prometheus_client import CollectorRegistry, disable_created_metrics
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from app.telemetry.batches import BatchMetrics
from app.telemetry.memory import MemoryCollector
from app.telemetry.models import ModelMetrics
from app.telemetry.predictions import AnswerCounters, PredictionMetrics
from app.telemetry.requests import STAGES, RequestMetrics
from app.telemetry.series import ModelLabels, ModelSeries

# Of each model: the version that serves, and those before it, which a scrape may not have seen yet.
VERSIONS_KEPT = 3


class Metrics(RequestMetrics, PredictionMetrics, BatchMetrics, ModelMetrics):
    """One registry per application, so that a process can have several applications."""

    def __init__(self) -> None:
        # Creation times would double the number of series and help nobody.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        MemoryCollector(registry)
        RequestMetrics.__init__(self, registry)
        PredictionMetrics.__init__(self, registry)
        BatchMetrics.__init__(self, registry)
        ModelMetrics.__init__(self, registry)
        # In the order in which they began to serve.
        self._series: dict[ModelLabels, ModelSeries] = {}

    def of(self, labels: ModelLabels) -> ModelSeries:
        """Return the series that record requests to the version and its batches."""
        series = self._series.get(labels)
        if series is None:
            series = self._series[labels] = self._make(labels)
        return series

    def begin(self, labels: ModelLabels) -> None:
        """Give a version that serves from now on its series, before its first request.

        Of the versions of its model the last few keep theirs; what still runs on one that is
        forgotten counts for nothing, or until the next version begins.
        """
        series = self._series.pop(labels) if labels in self._series else self._make(labels)
        self._series[labels] = series
        own = [one for one in self._series if one.model == labels.model]
        if len(own) > VERSIONS_KEPT:
            for old in own[:-VERSIONS_KEPT]:
                del self._series[old]
            self._keep(labels.model, {one.version for one in own[-VERSIONS_KEPT:]})

    def _make(self, labels: ModelLabels) -> ModelSeries:
        model = labels.model
        return ModelSeries(
            {stage: self.stage_seconds.labels(stage, model) for stage in STAGES},
            self.input_tokens.labels(*labels),
            self.unknown_tokens.labels(*labels),
            self.truncated_inputs.labels(model),
            AnswerCounters(self.answers, labels),
            self.answer_score.labels(*labels),
            self.batch_entries.labels(model),
            self.batch_seconds.labels(*labels),
            self.batch_tokens.labels(model, "real"),
            self.batch_tokens.labels(model, "padding"),
        )

    def _keep(self, model: str, versions: Collection[str]) -> None:
        """Drop the series of all other versions of a model."""

        def is_old(labels: Mapping[str, str]) -> bool:
            return labels["model"] == model and labels["version"] not in {"", *versions}

        self.forget_ends(model, versions)
        answers = self.input_tokens, self.answer_score
        for histogram in (self.request_seconds, self.batch_seconds, *answers):
            histogram.remove_where(is_old)
        for counter in (self.requests, self.unknown_tokens, self.answers):
            (family,) = counter.collect()
            for labels in [one.labels for one in family.samples if is_old(one.labels)]:
                counter.remove(*labels.values())
