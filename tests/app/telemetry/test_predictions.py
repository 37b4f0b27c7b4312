"""Answers are counted by label, within bounds."""

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
