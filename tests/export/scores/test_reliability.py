"""Bins and the expected calibration error, against figures worked out by hand."""

import numpy as np
import pytest

from export.scores.reliability import BINS, measure_reliability


def test_the_error_is_the_one_worked_out_by_hand() -> None:
    # Bin of 0.9 (three scores, mean 0.9, two right) and of 0.5 (one score, not right):
    # 3/4 * |0.9 - 2/3| + 1/4 * |0.5 - 0| = 0.175 + 0.125
    found = measure_reliability([0.9, 0.88, 0.92, 0.5], [True, True, False, False])
    assert found.ece == pytest.approx(0.3)
    assert found.total == 4
    assert sorted(found.counts[found.counts > 0].tolist()) == [1, 3]


def test_scores_that_are_right_as_often_as_they_say_have_no_error() -> None:
    assert measure_reliability([0.5] * 4, [1, 0, 1, 0]).ece == 0.0


def test_the_edges_belong_to_a_bin_and_no_score_is_lost() -> None:
    found = measure_reliability([[0.0, 1.0], [1 / BINS, 0.9999]], [[0, 1], [0, 1]])
    assert found.counts.tolist() == [1, 1, *[0] * (BINS - 3), 2]


def test_nothing_measured_is_no_error() -> None:
    assert measure_reliability(np.zeros(0), np.zeros(0)).ece == 0.0
