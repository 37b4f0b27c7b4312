"""Merges the metrics of several processes into those of one service."""

import operator
from collections.abc import Iterable, Sequence
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar

from app.telemetry.memory import AVAILABLE, LIMIT

# A family as JSON: name, documentation, type, samples; a sample: name, labels, value, and its
# exemplar, if it has one: labels, value, time.
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
            [
                [one.name, one.labels, one.value, *([list(one.exemplar)] if one.exemplar else [])]
                for one in family.samples
            ],
        ]
        for family in registry.collect()
    ]


def kept_of_the_dead(snapshot: Snapshot) -> Snapshot:
    """Return what still counts after its process has ended, so that no counter goes backwards."""
    return [family for family in snapshot if family[2] in _KEPT_OF_THE_DEAD]


def forget_versions(dead: Snapshot, living: Sequence[Snapshot]) -> Snapshot:
    """Return what the dead counted without the versions that the living have forgotten.

    A model that no living process knows, as while all load, keeps its versions.
    """
    known = {version for snapshot in living for version in _versions(snapshot)}
    models = {model for model, _ in known}
    forgotten = {one for one in _versions(dead) if one[0] in models} - known
    return [
        [*family, [sample for sample in samples if _version(sample) not in forgotten]]
        for *family, samples in dead
    ]


def _versions(snapshot: Snapshot) -> set[tuple[str, str]]:
    found = {_version(sample) for *_, samples in snapshot for sample in samples}
    return {one for one in found if one is not None}


def _version(sample: list[Any]) -> tuple[str, str] | None:
    """Return the model version that a sample is of, if it is of one."""
    model, version = (sample[1].get(name) for name in ("model", "version"))
    return (model, version) if model and version else None


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
            for sample, labels, value, *exemplar in samples:
                key = (sample, tuple(labels.items()))
                if key in values:
                    before, earlier = values[key]
                    value, exemplar = combine(before, value), max(earlier, exemplar, key=_time)
                values[key] = value, exemplar
    return [[*family, _samples(values)] for *family, values in families.values()]


def _samples(values: dict[Any, Any]) -> list[list[Any]]:
    return [
        [name, dict(labels), value, *exemplar]
        for (name, labels), (value, exemplar) in values.items()
    ]


def _time(exemplar: Sequence[Any]) -> float:
    return exemplar[0][2] if exemplar else 0.0


class Merged(Collector):
    """A collector that returns a snapshot."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterable[Metric]:
        for name, documentation, kind, samples in self._snapshot:
            family = Metric(name, documentation, kind)
            for sample_name, labels, value, *exemplar in samples:
                kept = Exemplar(*exemplar[0]) if exemplar else None
                family.add_sample(sample_name, labels, value, exemplar=kept)
            yield family
