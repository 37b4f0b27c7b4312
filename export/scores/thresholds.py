"""Tune a threshold for each label of a multi-label model: the one with the best F1."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from app.engine.answers.decoding import Scores

HALF = 0.5
DECIMALS = 6
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class LabelThreshold:
    """The threshold of one label with its F1 on the labelled examples.

    Attributes:
        positives: examples that have the label; if 0, the threshold stays 0.5.
        f1_at_half: at 0.5.
        f1_tuned: at the threshold, on the examples it was tuned on.
        f1_crossfitted: each half of the examples at the threshold tuned on the other.
    """

    label: str
    positives: int
    threshold: float
    f1_at_half: float
    f1_tuned: float
    f1_crossfitted: float


def tune_thresholds(
    labels: Sequence[str], scores: Scores, truth: npt.NDArray[np.int64], half: Flags
) -> tuple[LabelThreshold, ...]:
    """Return a threshold for every label.

    Args:
        scores: the served ones, [examples, labels].
        truth: 0 or 1, of the same shape.
        half: the examples of one half, [examples].
    """
    return tuple(
        _tune(label, scores[:, i], truth[:, i] == 1, half) for i, label in enumerate(labels)
    )


def best_threshold(scores: Scores, truth: Flags) -> float:
    """Return the threshold with the best F1 for one label; 0.5 if no example has the label.

    All thresholds between two neighbouring scores give the same answers, so take their middle, or
    0.5 if it lies between them. Of several with equal F1, take the nearest to 0.5.
    """
    if not truth.any():
        return HALF
    values, places = np.unique(scores, return_inverse=True)
    lower = np.concatenate([[0.0], values[:-1]])
    middles = np.where((lower < HALF) & (values >= HALF), HALF, (lower + values) / 2)
    # Round for readers, unless the two scores are closer than the rounding.
    rounded = middles.round(DECIMALS)
    thresholds = np.where((lower < rounded) & (rounded <= values), rounded, values)
    given, right = (np.bincount(places, kind)[::-1].cumsum()[::-1] for kind in (None, truth))
    found = 2.0 * right / (given + truth.sum())
    best = thresholds[found >= found.max() - 1e-12]
    return float(best[np.abs(best - HALF).argmin()])


def f1(given: Flags, truth: Flags) -> float:
    """Return 2 * right / (given + true); 0 if there is neither."""
    right = int((given & truth).sum())
    return 2.0 * right / max(1, int(given.sum()) + int(truth.sum()))


def macro(values: Sequence[float]) -> float:
    """Return the plain mean over the labels."""
    return sum(values) / max(1, len(values))


def _tune(label: str, scores: Scores, truth: Flags, half: Flags) -> LabelThreshold:
    threshold = best_threshold(scores, truth)
    by_half = [best_threshold(scores[part], truth[part]) for part in (half, ~half)]
    others = np.where(half, by_half[1], by_half[0])
    return LabelThreshold(
        label=label,
        positives=int(truth.sum()),
        threshold=threshold,
        f1_at_half=f1(scores >= HALF, truth),
        f1_tuned=f1(scores >= threshold, truth),
        f1_crossfitted=f1(scores >= others, truth),
    )
