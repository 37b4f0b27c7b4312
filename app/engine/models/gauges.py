"""Shows in metrics what serves of each model, and what is wrong with it, for as long as it is."""

from app.engine.models.model import Model
from app.engine.models.servable import Servable
from app.telemetry.metrics import Metrics


class ModelGauges:
    """The gauges of models: each lasts as long as what it says."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def show(self, model: Model) -> None:
        """Show whether the model serves what the store wants, and at full speed."""
        runtime = None if model.servable is None else model.servable.runtime
        degraded = runtime is not None and runtime.degraded is not None
        self._metrics.model_behind.labels(model.name).set(model.is_behind)
        self._metrics.model_refused.labels(model.name).set(model.is_refused)
        self._metrics.model_degraded.labels(model.name).set(degraded)

    def swapped(self, old: Servable | None, new: Servable) -> None:
        """Show the version that serves now; a model has its series before its first request."""
        if old is not None:
            self._metrics.model_info.remove(*_info(old))
        self._metrics.model_info.labels(*_info(new)).set(1)
        self._metrics.batch_failures.labels(new.name)
        self._metrics.begin(new.metric_labels)

    def forget(self, name: str) -> None:
        """Show nothing of a model that is no more."""
        for gauge in (
            self._metrics.model_behind,
            self._metrics.model_refused,
            self._metrics.model_degraded,
        ):
            gauge.remove(name)


def _info(servable: Servable) -> tuple[str, ...]:
    invariant = str(servable.batch_invariant).lower()
    identity = (servable.name, str(servable.version), servable.manifest.task)
    runtime = servable.runtime
    return (*identity, runtime.precision, runtime.provider, runtime.execution.kind, invariant)
