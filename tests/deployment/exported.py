"""What the service exports, and what an expression asks for."""

import re

from prometheus_client.metrics import MetricWrapperBase

from app.engine.backends.cuda.nvml import METRICS as GPU_METRICS
from app.mirror.metrics import MirrorMetrics
from app.telemetry.histogram import Histogram
from app.telemetry.metrics import Metrics

# What Prometheus adds: to every series of a target, and of its own.
TARGET_LABELS = {"job", "instance", "service"}
PROMETHEUS_SERIES = {
    "up": set[str](),
    "ALERTS": {"alertname", "alertstate", "severity", "model", "topic"},
}
SUFFIXES = {"counter": ["_total"], "gauge": [""], "histogram": ["_bucket", "_sum", "_count"]}


def exported() -> dict[str, set[str]]:
    """Return the label names of every series the service exports."""
    metrics, series = Metrics(), dict(PROMETHEUS_SERIES)
    mirror = MirrorMetrics(metrics.registry)  # there only with a bucket
    for metric in (*vars(metrics).values(), *vars(mirror).values()):
        if isinstance(metric, MetricWrapperBase | Histogram):
            (family,) = metric.collect()
            for suffix in SUFFIXES[family.type]:
                # The library tells a metric's label names in no public way.
                series[family.name + suffix] = set(metric._labelnames)
    for family in metrics.registry.collect():
        for sample in family.samples:
            series.setdefault(sample.name, set(sample.labels))
    # Those are there only where a GPU is.
    return series | {name: {"gpu"} for name, _, _ in GPU_METRICS}


SERIES = exported()


def used_series(expression: str) -> list[tuple[str, set[str]]]:
    """Return every metric an expression selects with the labels its matchers name."""
    found = re.findall(
        r"\b((?:classmark|process|python)_\w+|up|ALERTS)\b(?:\{([^}]*)\})?", expression
    )
    return [(name, set(re.findall(r'(\w+)\s*(?:=~|!~|!=|=)\s*"', given))) for name, given in found]
