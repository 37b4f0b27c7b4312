"""Measure reliability: bin by bin, the share of scores that are right, and the total error."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from app.engine.answers.decoding import Scores

BINS = 15


@dataclass(frozen=True, slots=True, eq=False)
class Reliability:
    """Scores in bins of equal width from 0 to 1.

    Attributes:
        counts: scores in each bin, int [BINS].
        scores: their mean, [BINS]; 0 in an empty bin.
        shares: the share that is right, [BINS]; 0 in an empty bin.
    """

    counts: npt.NDArray[np.int64]
    scores: Scores
    shares: Scores

    @property
    def total(self) -> int:
        return int(self.counts.sum())

    @property
    def ece(self) -> float:
        """The expected calibration error: the mean over all scores of their bin's distance.

        Source: Naeini et al. 2015, as used by Guo et al. 2017; 0 without scores.
        """
        distances = np.abs(self.scores - self.shares)
        return float((distances * self.counts).sum() / max(1, self.total))


def measure_reliability(scores: npt.ArrayLike, right: npt.ArrayLike) -> Reliability:
    """Sort scores into bins.

    Args:
        scores: from 0 to 1, of any shape; a score on an edge belongs to the bin above it.
        right: whether each is right, of the same shape.
    """
    flat = np.asarray(scores, dtype=np.float64).ravel()
    truth = np.asarray(right, dtype=np.float64).ravel()
    places = np.minimum((flat * BINS).astype(np.int64), BINS - 1)
    counts = np.bincount(places, minlength=BINS)
    filled = np.maximum(counts, 1)
    return Reliability(
        counts=counts,
        scores=np.bincount(places, flat, minlength=BINS) / filled,
        shares=np.bincount(places, truth, minlength=BINS) / filled,
    )
