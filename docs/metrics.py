"""Writes the page of metrics from the code that defines them: `python -m docs.metrics`."""

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from app.engine.backends.cuda.nvml import METRICS as GPU_METRICS
from app.mirror.metrics import MirrorMetrics
from app.monitor.counter import OpinionCounter
from app.telemetry.batches import BatchMetrics
from app.telemetry.histogram import Histogram
from app.telemetry.memory import MemoryCollector
from app.telemetry.metrics import VERSIONS_KEPT
from app.telemetry.models import ModelMetrics
from app.telemetry.predictions import PredictionMetrics
from app.telemetry.requests import RequestMetrics
from app.tracing.metrics import SpanMetrics

PAGE = Path(__file__).parent / "metrics.md"
# By the end of a metric's name; what has none of these is a number.
UNITS = {
    "seconds": "s", "bytes": "bytes", "tokens": "tokens", "ratio": "0 to 1", "score": "0 to 1",
    "celsius": "°C",
}  # fmt: skip
HEADER = "| Metric | Kind | Labels | Unit | Meaning |\n| --- | --- | --- | --- | --- |\n"
HEAD = f"""\
# Metrics

At `/metrics`, for Prometheus; `python -m docs.metrics` writes this page from the code. With several
workers each number is that of the whole service. No label ever holds text of a request, and labels
are bounded: of a model the version that serves and the {VERSIONS_KEPT - 1} before it have series,
so that a scrape after a reload still sees what they counted last.
"""


class Row(NamedTuple):
    """A metric as the page shows it.

    Attributes:
        name: without the suffixes of its series.
        kind: counter, gauge or histogram.
    """

    name: str
    kind: str
    labels: tuple[str, ...]
    meaning: str

    @property
    def series(self) -> tuple[str, ...]:
        """Return the names of its series."""
        suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}
        return tuple(self.name + suffix for suffix in suffixes.get(self.kind, ("",)))

    def __str__(self) -> str:
        first, *others = self.series
        shown = ", ".join(f"`{name}`" for name in (first, *(n[len(self.name) :] for n in others)))
        unit = UNITS.get(self.name.rpartition("_")[2], "number")
        return f"| {shown} | {self.kind} | {', '.join(self.labels)} | {unit} | {self.meaning} |"


class Section(NamedTuple):
    """Metrics that one part of the code defines.

    Attributes:
        when: where they are there; empty for always.
    """

    title: str
    rows: tuple[Row, ...]
    when: str = ""


class _Recorder(CollectorRegistry):
    """A registry that tells which collectors it has."""

    def __init__(self) -> None:
        super().__init__()
        self.collectors: list[Collector] = []

    def register(self, collector: Collector) -> None:
        self.collectors.append(collector)
        super().register(collector)


def sections() -> list[Section]:
    """Return every metric that the service can have."""
    gpus = tuple(Row(name, "gauge", ("gpu",), meaning) for name, meaning, _ in GPU_METRICS)
    return [
        Section("Requests", _defined(RequestMetrics)),
        Section("What models read and say", _defined(PredictionMetrics)),
        Section("Opinions", _defined(OpinionCounter), "Of texts given to `/v1/analyze`."),
        Section("Queue, batches, executors", _defined(BatchMetrics)),
        Section("Service and models", _defined(ModelMetrics)),
        Section("Store in a bucket", _defined(MirrorMetrics), "Only with a [bucket](store.md)."),
        Section("GPUs", gpus, "Only on CUDA, where NVIDIA's management library answers."),
        Section("Memory", _defined(MemoryCollector), "Where the system tells it, as Linux does."),
        Section("Traces", _defined(SpanMetrics), "Only with [traces](tracing.md)."),
        Section("Process", (*_defined(_process), *_defined(_python)), "Of the client library."),
    ]


def _process(registry: CollectorRegistry) -> None:
    ProcessCollector(registry=registry)


def _python(registry: CollectorRegistry) -> None:
    PlatformCollector(registry=registry)


def _defined(define: Callable[[CollectorRegistry], object]) -> tuple[Row, ...]:
    registry = _Recorder()
    define(registry)
    return tuple(row for collector in registry.collectors for row in _read(collector))


def _read(collector: Collector) -> Iterator[Row]:
    for family in collector.collect():
        labels: Sequence[str] = [name for sample in family.samples for name in sample.labels]
        if isinstance(collector, MetricWrapperBase | Histogram):
            labels = collector._labelnames  # the library tells it in no public way
        yield Row(family.name, family.type, tuple(labels), family.documentation)


def render() -> str:
    """Return the page."""
    parts = [HEAD]
    for section in sections():
        parts.append(f"\n## {section.title}\n\n")
        parts.append(f"{section.when}\n\n" if section.when else "")
        parts += [HEADER, *(f"{row}\n" for row in section.rows)]
    return "".join(parts)


def main() -> None:
    """Write docs/metrics.md."""
    PAGE.write_text(render(), encoding="utf-8")
    sys.stdout.write(f"{PAGE}\n")


if __name__ == "__main__":
    main()
