"""Series of a version outlast it for a while, and no number of reloads makes them many."""

from app.telemetry.metrics import VERSIONS_KEPT, Metrics
from app.telemetry.series import ModelLabels

ROUTE = "/v1/classify"


def serve(metrics: Metrics, version: int, model: str = "mood") -> ModelLabels:
    labels = ModelLabels(model, str(version))
    metrics.begin(labels)
    answer(metrics, labels)
    return labels


def answer(metrics: Metrics, labels: ModelLabels) -> None:
    series = metrics.of(labels)
    series.answers["good"].inc()
    series.input_tokens.observe(8)
    metrics.count_request(ROUTE, *labels, 200, 0.01)


def versions(metrics: Metrics, model: str = "mood") -> dict[str, set[str]]:
    """Return, by metric, the versions that have series."""
    found: dict[str, set[str]] = {}
    for family in metrics.registry.collect():
        for sample in family.samples:
            if sample.labels.get("model") == model and "version" in sample.labels:
                found.setdefault(family.name, set()).add(sample.labels["version"])
    return found


def answered(metrics: Metrics, labels: ModelLabels) -> float | None:
    named = {"route": ROUTE, **labels._asdict(), "status": "200"}
    return metrics.registry.get_sample_value("classmark_requests_total", named)


def test_a_version_that_begins_to_serve_has_its_series_before_its_first_request() -> None:
    metrics = Metrics()
    metrics.begin(ModelLabels("mood", "1"))
    for name in ("answer_score_count", "input_tokens_count", "unknown_tokens_total"):
        labels = {"model": "mood", "version": "1"}
        assert metrics.registry.get_sample_value(f"classmark_{name}", labels) == 0, name


def test_the_last_counts_of_a_version_are_seen_after_it_and_those_of_old_ones_go() -> None:
    metrics = Metrics()
    metrics.count_request(ROUTE, "mood", "", 422, 0.001)
    other = serve(metrics, 1, model="topic")
    for version in range(1, 50):
        last = serve(metrics, version)
        known = {str(v) for v in range(max(1, version - VERSIONS_KEPT + 1), version + 1)}
        found = versions(metrics)
        assert found.pop("classmark_requests") == known | {""}
        assert found.pop("classmark_request_seconds") == known | {""}
        assert all(kept == known for kept in found.values()), found
        assert len(found) == 5
    assert answered(metrics, last) == 1
    assert answered(metrics, other) == 1


def test_a_version_that_serves_again_goes_on_counting_and_outlasts_those_in_between() -> None:
    metrics = Metrics()
    first = serve(metrics, 1)
    for version in range(2, VERSIONS_KEPT + 1):
        serve(metrics, version)
    serve(metrics, 1)
    assert answered(metrics, first) == 2
    serve(metrics, 9)
    assert versions(metrics)["classmark_answers"] >= {"1", "9"}


def test_a_version_that_serves_again_after_it_was_forgotten_counts_anew() -> None:
    metrics = Metrics()
    for version in (*range(1, 9), 1):
        last = serve(metrics, version)
    assert answered(metrics, last) == 1


def test_requests_that_end_on_a_forgotten_version_leave_nothing_for_good() -> None:
    metrics = Metrics()
    old = serve(metrics, 1)
    series = metrics.of(old)
    for version in range(2, 9):
        serve(metrics, version)
    series.answers["never seen before"].inc()
    answer(metrics, old)
    for version in range(9, 9 + VERSIONS_KEPT):
        serve(metrics, version)
    known = {str(version) for version in range(9, 9 + VERSIONS_KEPT)}
    assert all(kept == known for kept in versions(metrics).values())
