"""Answers are counted by label, within bounds; refusals are timed apart from answers."""

from app.telemetry.metrics import Metrics
from app.telemetry.predictions import MOST_LABELS
from app.telemetry.series import ModelLabels


def test_a_label_set_without_end_has_a_bounded_number_of_series() -> None:
    metrics = Metrics()
    answers = metrics.of(ModelLabels("m", "1")).answers
    for _ in range(2):
        for number in range(10 * MOST_LABELS):
            answers[f"label {number}"].inc()
    (family,) = metrics.answers.collect()
    counts = {sample.labels["label"]: sample.value for sample in family.samples}
    assert len(counts) == MOST_LABELS + 1
    assert counts["label 0"] == 2
    assert counts["other"] == 2 * 9 * MOST_LABELS


def test_refusals_are_timed_apart_from_answers() -> None:
    metrics = Metrics()
    for status, seconds in ((200, 0.2), (429, 0.001), (499, 0.5), (504, 30.0)):
        metrics.count_request("/v1/ner", "m", "1", status, seconds)

    def of(status_class: str) -> tuple[float | None, float | None]:
        labels = {"route": "/v1/ner", "model": "m", "version": "1", "status_class": status_class}
        name = "classmark_request_seconds"
        sample = metrics.registry.get_sample_value
        return sample(f"{name}_count", labels), sample(f"{name}_sum", labels)

    assert (of("2xx"), of("4xx"), of("5xx")) == ((1, 0.2), (2, 0.501), (1, 30.0))


def test_a_key_is_counted_by_its_name() -> None:
    metrics = Metrics()
    for status in (200, 200, 403):
        metrics.count_key("website", status)
    (family,) = metrics.key_requests.collect()
    counts = {sample.labels["status_class"]: sample.value for sample in family.samples}
    assert counts == {"2xx": 2, "4xx": 1}
