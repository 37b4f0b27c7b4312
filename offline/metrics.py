"""Metrics as ratios of counts, one row of counts a text, for training, export and comparisons.

Counts of texts add up, so a metric of many texts is that of the sum of their rows. All functions on
sums take arrays [..., columns] and keep the leading axes.
"""

from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


def count_labels(truth: Flags, given: Flags) -> Counts:
    """Count each text's labels.

    Args:
        truth: whether each label holds, [texts, labels].
        given: whether each label was answered, [texts, labels].

    Returns:
        [texts, 2 + 3 * labels]: 1, whether all labels are right, and for each label whether it is
        right, given, and true.
    """
    whole = (truth == given).all(axis=1, keepdims=True)
    texts = np.ones_like(whole)
    return np.hstack([texts, whole, truth & given, given, truth]).astype(np.int64)


def accuracy(sums: Counts) -> Values:
    """Return the share of texts whose labels are all right."""
    return _ratio(sums[..., 1], sums[..., 0])


def macro_f1(sums: Counts) -> Values:
    """Return the mean of the labels' F1; a label that is neither given nor true has 0."""
    right, given, true = np.split(sums[..., 2:], 3, axis=-1)
    found: Values = _ratio(2 * right, given + true).mean(axis=-1)
    return found


def label_metrics(sums: Counts) -> dict[str, float]:
    """Return the metrics of classified texts by name."""
    return {"accuracy": float(accuracy(sums)), "macro_f1": float(macro_f1(sums))}


def count_entities(
    truth: Sequence[Collection[object]], found: Sequence[Collection[object]]
) -> Counts:
    """Count each text's entities: right, found, and true; one is right if it is equal as a whole.

    Returns:
        [texts, 3].
    """
    rows = [
        (len(set(true) & set(given)), len(set(given)), len(set(true)))
        for true, given in zip(truth, found, strict=True)
    ]
    return np.array(rows, dtype=np.int64).reshape(-1, 3)


def entity_f1(sums: Counts) -> Values:
    """Return F1 over all entities; 0 if there are none."""
    return _ratio(2 * sums[..., 0], sums[..., 1] + sums[..., 2])


def entity_metrics(sums: Counts) -> dict[str, float]:
    """Return the metrics of found entities by name."""
    right, found, true = sums[..., 0], sums[..., 1], sums[..., 2]
    return {
        "f1": float(entity_f1(sums)),
        "precision": float(_ratio(right, found)),
        "recall": float(_ratio(right, true)),
    }


def _ratio(part: Counts, whole: Counts) -> Values:
    """Divide, with 0 / 0 = 0."""
    return np.asarray(part / np.maximum(whole, 1), dtype=np.float64)
