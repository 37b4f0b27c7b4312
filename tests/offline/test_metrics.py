"""Metrics from counts: those of scikit-learn, and of a sum of texts."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score

from offline.metrics import (
    count_entities,
    count_labels,
    entity_f1,
    entity_metrics,
    label_metrics,
    macro_f1,
)


@pytest.mark.parametrize("several", [True, False])
def test_the_metrics_of_labels_are_those_of_scikit_learn(several: bool) -> None:
    lot = np.random.default_rng(3)
    if several:
        truth, given = lot.random((2, 60, 4)) < 0.4
    else:
        truth, given = np.eye(4, dtype=bool)[lot.integers(0, 4, (2, 60))]
    truth[:, 2] = given[:, 2] = False  # a label that nobody has counts with F1 0
    found = label_metrics(count_labels(truth, given).sum(axis=0))
    assert found["accuracy"] == accuracy_score(truth, given)
    assert found["macro_f1"] == pytest.approx(
        f1_score(truth, given, average="macro", zero_division=0.0)
    )


def test_an_entity_counts_once_and_only_as_a_whole() -> None:
    truth = [{(0, 2, "LOC"), (5, 8, "PER")}, {(0, 1, "LOC")}, set()]
    found = [{(0, 2, "LOC"), (5, 7, "PER")}, {(0, 1, "ORG")}, set()]
    sums = count_entities(truth, found).sum(axis=0)
    third = pytest.approx(1 / 3)
    assert entity_metrics(sums) == {"f1": third, "precision": third, "recall": third}
    assert entity_f1(count_entities([set()], [set()]).sum(axis=0)) == 0.0


def test_many_sums_at_once_give_each_its_own_value() -> None:
    counts = count_labels(np.eye(3, dtype=bool), np.eye(3, dtype=bool)[[0, 2, 2]])
    sums = np.stack([counts.sum(axis=0), counts[:1].sum(axis=0)])
    assert macro_f1(sums).tolist() == pytest.approx([(1 + 0 + 2 / 3) / 3, 1 / 3])
