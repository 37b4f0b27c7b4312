"""Refusals are timed apart from answers, and keys counted by their names."""

from app.telemetry.metrics import Metrics


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
