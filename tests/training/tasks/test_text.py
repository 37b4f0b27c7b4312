"""Scores of classified texts, beside scikit-learn's."""

import numpy as np
import pytest
from sklearn.metrics import classification_report

from offline.readers.examples import TextExample
from training.output.checkpoint import load_tokenizer
from training.tasks.text import TextTask

CLASSES = ["a", "b", "never"]


@pytest.mark.parametrize("multi_label", [False, True])
def test_the_table_by_label_is_that_of_scikit_learn(encoder, multi_label):
    problem = TextTask(load_tokenizer(encoder, 8), CLASSES, multi_label=multi_label, max_length=8)
    labels = [("a", "b"), ("b",), (), ("a",)] if multi_label else ["a", "b", "b", "a"]
    examples = [TextExample("a text", label) for label in labels]
    logits = np.array([[2.0, -1, -3], [1, 3, -2], [4, 1, -2], [-1, -2, -3]])
    truth = np.array([[name in one.labels for name in CLASSES] for one in examples])
    given = logits >= 0 if multi_label else logits.argmax(1)
    expected = classification_report(
        truth if multi_label else truth.argmax(1), given,
        labels=range(len(CLASSES)), target_names=CLASSES, output_dict=True, zero_division=0.0,
    )  # fmt: skip
    table = problem.score(examples, list(logits)).per_label
    for name in CLASSES:
        row = {("f1-score" if key == "f1" else key): value for key, value in table[name].items()}
        assert row == pytest.approx(expected[name])
