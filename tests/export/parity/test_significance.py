"""The tests behind the gates: what chance explains, and how many texts leave nothing to it."""

from functools import partial

import numpy as np
import pytest
from scipy.stats import binom

from export.parity.agreement import Agreement
from export.parity.significance import (
    RISK,
    chance_of_changes,
    chance_of_loss,
    labels_needed,
    texts_needed,
)
from export.parity.tolerances import TOLERANCES, Tolerance
from export.parity.verdict import judge
from offline.metrics import Counts, accuracy, count_labels, macro_f1


def right(answers: np.ndarray) -> Counts:
    """Return the counts of texts, all of label 0, of which these are answered rightly."""
    return count_labels(
        np.eye(2, dtype=bool)[[0] * len(answers)], np.eye(2, dtype=bool)[~answers * 1]
    )


def models(texts: int, lost: int, gained: int) -> tuple[Counts, Counts]:
    before, after = np.ones(texts, bool), np.ones(texts, bool)
    after[:lost] = before[lost : lost + gained] = False
    return right(before), right(after)


def test_one_changed_label_of_fifty_is_chance_and_four_are_not() -> None:
    assert chance_of_changes(1, 50, 0.985) == pytest.approx(1 - 0.985**50)
    assert chance_of_changes(4, 50, 0.985) < RISK < chance_of_changes(2, 50, 0.985)
    assert chance_of_changes(0, 50, 1.0) == 1.0
    assert chance_of_changes(1, 50, 1.0) == 0.0


@pytest.mark.parametrize(("lost", "gained"), [(1, 0), (4, 0), (5, 0), (12, 3), (10, 9), (40, 20)])
def test_for_accuracy_it_is_mcnemars_exact_test(lost: int, gained: int) -> None:
    exact = binom.sf(lost - 1, lost + gained, 0.5)
    assert chance_of_loss(*models(200, lost, gained), accuracy) == pytest.approx(exact, abs=0.02)


def test_a_gain_is_no_loss_and_equal_answers_are_none() -> None:
    assert chance_of_loss(*models(50, 2, 9), accuracy) == 1.0
    assert chance_of_loss(*models(50, 0, 0), accuracy) == 1.0


def test_other_metrics_are_tested_alike() -> None:
    before, after = models(60, 30, 1)
    assert chance_of_loss(before, after, macro_f1) < 0.001


def test_so_many_texts_leave_nothing_to_chance_and_fewer_do() -> None:
    for limit in (0.985, 0.995):
        needed = labels_needed(limit)
        assert limit**needed < RISK < limit ** (needed - 1)
    texts = texts_needed(0.005)
    lost = round(0.005 * texts)
    assert 0.5**lost < RISK < 0.5 ** (lost - 1)


def test_a_figure_that_chance_explains_passes_and_is_told() -> None:
    verdict = judge(TOLERANCES["int8"], Agreement(49, 50, 0.5), 0.02, 0.5)
    assert verdict.problems == ()
    assert verdict.undecided == (
        "agreement 0.9800 where >= 0.985 is needed: 1 of 50 labels changed, which chance explains; "
        f"{labels_needed(0.985)} would decide",
        "metric loss 0.0200 where <= 0.005 is needed: chance explains it; "
        f"{texts_needed(0.02)} labelled texts may decide",
    )


def test_a_figure_that_chance_does_not_explain_misses_its_limit() -> None:
    verdict = judge(TOLERANCES["int8"], Agreement(450, 500, 0.5), 0.02, 0.01)
    assert [problem.split()[0] for problem in verdict.problems] == ["agreement", "metric"]
    assert judge(TOLERANCES["fp32"], Agreement(50, 50, 0.1), 0.0, 1.0).problems


def test_a_loss_of_exactly_the_limit_passes() -> None:
    loss = 0.95 - 0.94
    assert loss > 0.01
    hold = partial(judge, Tolerance(0.98, metric_loss=0.01), Agreement(100, 100, 0.0))
    assert hold(loss, 0.0) == hold(0.0, 1.0)
