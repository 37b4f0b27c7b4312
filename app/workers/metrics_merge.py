"""Merges the metrics of several processes into those of one service."""

import operator
from collections.abc import Iterable, Sequence
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from app.telemetry.memory import AVAILABLE, LIMIT

# A family as JSON: name, documentation, type, samples; a sample: name, labels, value.
Family = list[Any]
Snapshot = list[Family]

# Counters, histograms, and gauges such as requests in flight or resident memory are added up. These
# are no amounts, or one that all processes share: the largest counts. The start is that of the
# youngest process, so a process that keeps restarting raises the alert that a service in one
# process would raise.
_LARGEST = {"process_start_time_seconds", "classmark_build_info", "python_info", LIMIT, AVAILABLE}
# Readiness is that of the front end that was scraped, as its /health/ready says.
_ASKED = {"classmark_ready"}
_KEPT_OF_THE_DEAD = {"counter", "histogram"}


def take_snapshot(registry: CollectorRegistry) -> Snapshot:
    """Return every sample of a process."""
    return [
        [
            family.name,
            family.documentation,
            family.type,
            [[sample.name, sample.labels, sample.value] for sample in family.samples],
        ]
        for family in registry.collect()
    ]


def kept_of_the_dead(snapshot: Snapshot) -> Snapshot:
    """Return what still counts after its process has ended, so that no counter goes backwards."""
    return [family for family in snapshot if family[2] in _KEPT_OF_THE_DEAD]


def merge(snapshots: Sequence[Snapshot], asked: Snapshot | None = None) -> Snapshot:
    """Return the snapshots as one.

    Args:
        asked: snapshot of the process that was scraped; it must be among `snapshots`.
    """
    families: dict[str, Family] = {}
    for snapshot in snapshots:
        for name, documentation, kind, samples in snapshot:
            values = families.setdefault(name, [name, documentation, kind, {}])[3]
            if name in _ASKED and snapshot is not asked:
                continue
            combine = max if name in _LARGEST else operator.add
            for sample, labels, value in samples:
                key = (sample, tuple(labels.items()))
                values[key] = combine(values[key], value) if key in values else value
    return [
        [name, documentation, kind, [[n, dict(labels), v] for (n, labels), v in values.items()]]
        for name, documentation, kind, values in families.values()
    ]


def render(snapshot: Snapshot) -> str:
    """Return a snapshot in Prometheus' text format."""
    return generate_latest(_Fixed(snapshot)).decode()


class _Fixed(Collector):
    """A collector that returns an earlier snapshot."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterable[Metric]:
        for name, documentation, kind, samples in self._snapshot:
            family = Metric(name, documentation, kind)
            for sample_name, labels, value in samples:
                family.add_sample(sample_name, labels, value)
            yield family
