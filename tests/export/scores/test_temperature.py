"""Temperature scaling: a known temperature is found again, and a bad fit is never served."""

import math

import numpy as np
import pytest

from app.engine.answers.decoding import softmax
from app.engine.text.encoding import TextInput
from export.reference.examples import Example
from export.scores.labelled_logits import LabelledLogits, label_logits
from export.scores.temperature import calibrate, fit_temperature, loss
from offline.readers.examples import Span
from tests.support.workloads import classifier, labelled, tagger

Array = np.ndarray
COUNT = 6000


def several(temperature: float, labels: int = 4, count: int = COUNT) -> LabelledLogits:
    """Draw logits, and one true label a row with the probabilities at this temperature."""
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 3, (count, labels))
    shares = softmax(logits / temperature).cumsum(axis=1)
    truth = (rng.random((count, 1)) > shares).sum(axis=1)
    return LabelledLogits(logits, truth, np.arange(count), count)


def flags(temperature: float, labels: int, count: int = COUNT) -> LabelledLogits:
    """Draw logits, and for each label whether it holds with the probability of its sigmoid."""
    rng = np.random.default_rng(2)
    logits = rng.normal(0, 3, (count, labels))
    truth = rng.random((count, labels)) < 1 / (1 + np.exp(-logits / temperature))
    return LabelledLogits(logits, truth.astype(np.int64), np.arange(count), count)


def tokens(temperature: float, count: int = 1500) -> LabelledLogits:
    """Draw a tag for each of four words a text and give the spans that say so."""
    rng = np.random.default_rng(3)
    labels, text = ("O", "PER", "LOC"), "aa bb cc dd"
    logits = rng.normal(0, 3, (count, 6, 3)).astype(np.float32)
    shares = softmax(logits[:, 1:5].astype(float) / temperature).cumsum(axis=2)
    drawn = (rng.random((count, 4, 1)) > shares).sum(axis=2)
    spans = [
        frozenset(Span(3 * i, 3 * i + 2, labels[tag]) for i, tag in enumerate(row) if tag)
        for row in drawn
    ]
    examples = [Example(TextInput(text), spans=one) for one in spans]
    return label_logits(tagger(labels, "IO"), labelled(examples, list(logits)))


@pytest.mark.parametrize("temperature", [0.6, 1.7, 3.0])
def test_the_temperature_that_the_truth_was_drawn_with_is_found(temperature: float) -> None:
    drawn = [several(temperature), flags(temperature, 3), flags(temperature, 1)]
    for observed in (*drawn, tokens(temperature)):
        assert fit_temperature(observed) == pytest.approx(temperature, rel=0.08)


@pytest.mark.parametrize("observed", [several(2.5), flags(2.5, 3), flags(2.5, 1), tokens(2.5)])
def test_scores_too_sure_become_as_sure_as_they_are_right(observed: LabelledLogits) -> None:
    fit = calibrate(observed)
    assert fit.reason == ""
    assert fit.after is not None
    assert fit.before.reliability.ece > 0.08
    assert fit.after.reliability.ece < 0.03
    assert fit.after.loss < fit.before.loss
    assert fit.record.temperature == fit.temperature
    assert fit.record.ece_after == pytest.approx(fit.after.reliability.ece, abs=1e-6)


def test_the_figures_after_are_those_of_temperatures_fitted_on_the_other_half() -> None:
    observed = several(2.0, count=300)
    fit = calibrate(observed)
    half = observed.half
    halves = [fit_temperature(observed.part(rows)) for rows in (half, ~half)]
    assert list(fit.halves) == halves
    assert halves[0] != halves[1]
    assert fit.after is not None
    crossed = [loss(observed.part(half), halves[1]), loss(observed.part(~half), halves[0])]
    assert fit.after.loss == pytest.approx(np.average(crossed, weights=[half.sum(), (~half).sum()]))


def test_the_loss_is_the_cross_entropy_of_the_problem() -> None:
    one = LabelledLogits(np.array([[2.0, 0.0]]), np.array([1]), np.array([0]), 1)
    assert loss(one, 2.0) == pytest.approx(math.log(1 + math.e))
    both = LabelledLogits(np.array([[2.0, 0.0]]), np.array([[1, 0]]), np.array([0]), 1)
    assert loss(both, 2.0) == pytest.approx((math.log(1 + math.exp(-1)) + math.log(2)) / 2)


def test_the_order_of_the_labels_never_changes() -> None:
    observed = several(1.0)
    for temperature in (0.05, 1.43, 20.0):
        scaled = observed.logits / temperature
        assert (scaled.argmax(axis=1) == observed.logits.argmax(axis=1)).all()
        assert (observed.scores(temperature).argmax(axis=1) == scaled.argmax(axis=1)).all()


def test_with_few_examples_the_temperature_stays_one() -> None:
    fit = calibrate(several(3.0, count=99))
    assert (fit.temperature, fit.after) == (1.0, None)
    assert fit.reason == "99 labelled examples, at least 100 are needed"
    assert fit.record.ece_after == fit.record.ece_before > 0
    assert calibrate(several(3.0, count=100)).temperature > 1.5


def test_scores_that_are_calibrated_already_are_left_alone() -> None:
    fit = calibrate(several(1.0, count=2000))
    assert fit.temperature == 1.0
    assert "it would raise the" in fit.reason
    assert fit.record.ece_after == fit.record.ece_before


@pytest.mark.parametrize("truth", ["perfect", "reversed"])
def test_a_fit_that_finds_no_temperature_is_not_served(truth: str) -> None:
    observed = several(1.0, count=200)
    right = observed.logits.argmax(axis=1) if truth == "perfect" else observed.logits.argmin(axis=1)
    fit = calibrate(LabelledLogits(observed.logits, right, observed.example, 200))
    assert fit.temperature == 1.0
    assert "no temperature between 0.05 and 20" in fit.reason


def test_examples_that_all_say_the_same_fit_nothing() -> None:
    examples = [Example(TextInput("t"), frozenset({"toxic"}))] * 200
    logits = list(np.random.default_rng(0).normal(size=(200, 1)).astype(np.float32))
    fit = calibrate(label_logits(classifier(["toxic"]), labelled(examples, logits)))
    assert (fit.temperature, fit.reason) == (1.0, "the labelled examples all say the same")


def test_tokens_answered_o_are_told_apart_from_the_others() -> None:
    observed = tokens(2.5)
    fit = calibrate(observed)
    named = int((observed.logits.argmax(axis=1) != 0).sum())
    assert fit.before.entities is not None
    assert fit.before.entities.total == named < fit.before.reliability.total == 6000


def test_texts_without_a_token_are_no_reason_to_fail() -> None:
    nothing = LabelledLogits(np.zeros((0, 3)), np.zeros(0, int), np.zeros(0, int), 200, outside=0)
    assert calibrate(nothing).record.observations == 0
