"""Our histograms expose what the client library's would."""

import random

import prometheus_client
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from app.telemetry.batches import COUNTS
from app.telemetry.histogram import Histogram
from app.telemetry.requests import SECONDS

NAME, WORDS, LABELS = "seconds_of_a_stage", "How long it took.", ["stage", "model"]


@pytest.mark.parametrize("buckets", [SECONDS, COUNTS])
def test_the_exposition_is_the_librarys(buckets: tuple[float, ...]) -> None:
    prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    one = Histogram(NAME, WORDS, LABELS, buckets=buckets, registry=ours)
    other = prometheus_client.Histogram(NAME, WORDS, LABELS, buckets=buckets, registry=theirs)
    rng = random.Random(0)
    values = [*buckets, 0.0, 1e9, *(rng.expovariate(1 / b) for b in buckets for _ in range(9))]
    for value in values:
        for labels in (("run", "mood"), (rng.choice(["queue", "run"]), "topic")):
            one.labels(*labels).observe(value)
            other.labels(*labels).observe(value)
    assert sorted(generate_latest(ours).splitlines()) == sorted(
        generate_latest(theirs).splitlines()
    )


def test_a_series_without_observations_is_exposed_as_zero() -> None:
    registry = CollectorRegistry()
    Histogram(NAME, WORDS, LABELS, buckets=COUNTS, registry=registry).labels("run", "mood")
    labels = {"stage": "run", "model": "mood"}
    assert registry.get_sample_value(f"{NAME}_count", labels) == 0
    assert registry.get_sample_value(f"{NAME}_bucket", labels | {"le": "+Inf"}) == 0


def test_labels_that_do_not_fit_are_refused() -> None:
    histogram = Histogram(NAME, WORDS, LABELS, buckets=COUNTS, registry=CollectorRegistry())
    with pytest.raises(ValueError, match="stage"):
        histogram.labels("run")
