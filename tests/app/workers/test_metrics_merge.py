"""The metrics of several processes are those of one service."""

import re

from app.telemetry import exposition
from app.telemetry.metrics import Metrics
from app.telemetry.series import ModelLabels
from app.workers.metrics_merge import (
    Merged,
    Snapshot,
    forget_versions,
    kept_of_the_dead,
    merge,
    take_snapshot,
)


def render(snapshot: Snapshot, wanted: exposition.Format = "text") -> str:
    return exposition.render(Merged(snapshot), wanted).decode()


def process(requests: int, *, ready: int, in_flight: int, start: float = 1.0) -> list[list[object]]:
    metrics = Metrics()
    metrics.requests.labels("/v1/classify", "mood", "1", "200").inc(requests)
    for _ in range(requests):
        metrics.batch_entries.labels("mood").observe(3)
    metrics.ready.set(ready)
    metrics.requests_in_flight.set(in_flight)
    metrics.build_info.labels("1").set(1)
    snapshot = take_snapshot(metrics.registry)
    for family in snapshot:
        if family[0] == "process_start_time_seconds":
            family[3][0][2] = start
    return snapshot


def test_counters_histograms_and_amounts_add_up() -> None:
    text = render(merge([process(2, ready=1, in_flight=1), process(3, ready=1, in_flight=4)]))
    assert 'model="mood",route="/v1/classify",status="200",version="1"} 5.0' in text
    assert 'classmark_batch_entries_bucket{le="3.0",model="mood"} 5.0' in text
    assert 'classmark_batch_entries_bucket{le="2.0",model="mood"} 0.0' in text
    assert "classmark_requests_in_flight 5.0" in text


def test_what_is_no_amount_is_not_added() -> None:
    asked = process(1, ready=0, in_flight=0, start=200.0)
    other = process(1, ready=1, in_flight=0, start=100.0)
    text = render(merge([other, asked], asked))
    assert "classmark_ready 0.0" in text
    assert 'classmark_build_info{version="1"} 1.0' in text
    assert "process_start_time_seconds 200.0" in text


def test_the_dead_keep_their_counts_and_nothing_else() -> None:
    dead = kept_of_the_dead(process(7, ready=1, in_flight=9))
    living = process(1, ready=1, in_flight=2)
    text = render(merge([living, merge([dead])], living))
    assert 'status="200",version="1"} 8.0' in text
    assert "classmark_requests_in_flight 2.0" in text


def test_versions_that_the_living_have_forgotten_go_with_the_dead() -> None:
    def having(*versions: str) -> Snapshot:
        metrics = Metrics()
        for version in versions:
            metrics.begin(ModelLabels("mood", version))
            metrics.count_request("/v1/classify", "mood", version, 200, 0.01)
        metrics.count_request("/v1/classify", "mood", "", 422, 0.01)
        return take_snapshot(metrics.registry)

    def known(snapshot: Snapshot) -> set[str]:
        return set(re.findall(r'requests_total{.*version="(\d*)"', render(snapshot)))

    dead = merge([kept_of_the_dead(having("1", "2"))])
    replacement, other = having("3"), having("2", "3")
    assert known(forget_versions(dead, [replacement, other])) == {"", "2"}
    assert known(forget_versions(dead, [replacement])) == {""}
    loading = take_snapshot(Metrics().registry)
    assert forget_versions(dead, [loading]) == dead


def test_the_cold_start_is_that_of_the_service() -> None:
    supervisor = Metrics()
    supervisor.cold_start_seconds.set(2.5)
    children = [take_snapshot(Metrics().registry) for _ in range(3)]
    text = render(merge([*children, take_snapshot(supervisor.registry)], children[0]))
    assert "classmark_cold_start_seconds 2.5" in text


def test_every_family_is_exported_under_the_name_it_has_in_one_process() -> None:
    from prometheus_client import generate_latest

    registry = Metrics().registry
    alone = [x for x in generate_latest(registry).decode().splitlines() if x.startswith("# TYPE")]
    merged = render(merge([take_snapshot(registry), take_snapshot(Metrics().registry)]))
    assert alone == [x for x in merged.splitlines() if x.startswith("# TYPE")]
