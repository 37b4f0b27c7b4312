"""Thresholds: the best F1, in the middle of where it holds, nearest to one half."""

import numpy as np
import pytest

from export.scores.thresholds import best_threshold, f1, tune_thresholds


def best(scores: list[float], truth: list[int]) -> float:
    return best_threshold(np.array(scores), np.array(truth) == 1)


def test_the_threshold_lies_in_the_middle_of_where_f1_is_best() -> None:
    assert best([0.1, 0.2, 0.3, 0.4], [0, 0, 1, 1]) == pytest.approx(0.25)
    assert best([0.6, 0.7, 0.8, 0.9], [0, 0, 1, 1]) == pytest.approx(0.75)


def test_one_half_stays_where_nothing_is_better() -> None:
    assert best([0.1, 0.4, 0.6, 0.9], [0, 0, 1, 1]) == 0.5
    assert best([0.1, 0.9], [0, 0]) == 0.5


def test_of_equal_ranges_the_one_nearest_to_one_half_is_taken() -> None:
    # F1 is 2/3 from 0.9 on (one of two, none wrong) and from 0.3 on (both, two wrong).
    assert best([0.9, 0.4, 0.35, 0.3], [1, 0, 0, 1]) == 0.5
    assert best([0.2, 0.15, 0.12, 0.1], [1, 0, 0, 1]) == pytest.approx(0.175)


def test_no_threshold_beats_the_one_found() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        scores = rng.random(40).round(2)
        truth = rng.random(40) < scores**2
        truth[0] = True
        tried = [f1(scores >= one, truth) for one in np.linspace(0, 1, 501)]
        assert f1(scores >= best_threshold(scores, truth), truth) == max(tried)


def test_each_label_gets_its_own_with_f1_before_after_and_cross_fitted() -> None:
    scores = np.array([[0.1, 0.9, 0.2], [0.3, 0.8, 0.1]] * 20)
    truth = np.array([[0, 1, 0], [1, 0, 0]] * 20)
    half = np.arange(40) < 20
    rare, common, unseen = tune_thresholds(("rare", "common", "unseen"), scores, truth, half)
    assert (rare.threshold, rare.f1_at_half, rare.f1_tuned) == (0.2, 0.0, 1.0)
    assert (common.threshold, common.f1_crossfitted) == (pytest.approx(0.85), 1.0)
    assert (unseen.threshold, unseen.positives) == (0.5, 0)


def test_the_cross_fitted_f1_does_not_see_its_own_half() -> None:
    scores = np.array([[0.3], [0.1], [0.1], [0.3]] * 10)
    truth = np.array([[1], [0], [1], [0]] * 10)  # the second half is the first one reversed
    half = np.tile([True, True, False, False], 10)
    (found,) = tune_thresholds(("a",), scores, truth, half)
    assert found.f1_crossfitted < found.f1_tuned
