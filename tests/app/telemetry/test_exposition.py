"""Metrics come in the format that is asked for, with the traces of what was slow in one of them."""

import json

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from app.telemetry.exposition import CONTENT_TYPES, Format, accepted_format, render
from app.telemetry.metrics import Metrics
from app.workers.metrics_merge import Merged, Snapshot, merge, take_snapshot

PROMETHEUS = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)


def observed(seconds: float, trace: str | None) -> Metrics:
    metrics = Metrics()
    series = metrics.count_request("/v1/classify", "mood", "2", 200, seconds)
    if trace is not None:
        series.keep_exemplar(seconds, trace)
    return metrics


def exemplars(text: bytes) -> dict[str, tuple[str, float]]:
    """Return the trace and the value of each bucket's exemplar, by the bucket's bound."""
    return {
        sample.labels["le"]: (sample.exemplar.labels["trace_id"], sample.exemplar.value)
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
        if sample.exemplar is not None
    }


def crossed(metrics: Metrics) -> Snapshot:
    """Return what another process gets of these metrics."""
    snapshot: Snapshot = json.loads(json.dumps(take_snapshot(metrics.registry)))
    return snapshot


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [("", "text"), ("*/*", "text"), ("text/plain;version=0.0.4", "text"),
     (PROMETHEUS, "openmetrics"), ("application/openmetrics-text;version=x", "openmetrics")],
)  # fmt: skip
def test_prometheus_gets_openmetrics_and_others_text(accept: str, wanted: Format) -> None:
    assert accepted_format(accept) == wanted
    assert CONTENT_TYPES[wanted].startswith(
        "application/openmetrics-text; version=1.0.0" if wanted == "openmetrics" else "text/plain"
    )


def test_a_bucket_names_the_last_trace_in_it() -> None:
    metrics = observed(0.004, "a")
    metrics.count_request("/v1/classify", "mood", "2", 200, 0.0045).keep_exemplar(0.0045, "b")
    metrics.count_request("/v1/classify", "mood", "2", 200, 99.0).keep_exemplar(99.0, "c")
    metrics.count_request("/v1/classify", "mood", "2", 200, 0.0046)
    assert exemplars(render(metrics.registry, "openmetrics")) == {
        "0.005": ("b", 0.0045),
        "+Inf": ("c", 99.0),
    }
    assert b"trace_id" not in render(metrics.registry, "text")


def test_of_several_processes_a_bucket_names_the_last_trace_of_all() -> None:
    snapshots = [crossed(observed(0.004, trace)) for trace in ("a", "b", None)]
    for order in (snapshots, snapshots[::-1]):
        merged = Merged(crossed_again := json.loads(json.dumps(merge(order))))
        assert exemplars(render(merged, "openmetrics")) == {"0.005": ("b", 0.004)}
        assert exemplars(render(Merged(merge([crossed_again])), "openmetrics"))
        text = render(merged, "text").decode()
        assert 'status_class="2xx",version="2"} 3.0' in text


def test_both_formats_have_the_same_samples() -> None:
    registry = observed(0.004, None).registry
    text, openmetrics = (render(registry, one).decode().splitlines() for one in CONTENT_TYPES)
    assert openmetrics.pop() == "# EOF"
    values = [
        {line.rsplit(" ", 1)[0] for line in lines if not line.startswith("#")}
        for lines in (text, openmetrics)
    ]
    assert values[0] == values[1]
