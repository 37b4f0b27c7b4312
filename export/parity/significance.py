"""Tell a difference from chance: the tests behind the gates, at one confidence.

Texts are a sample, so a share or a metric on them is known only so far. A gate is missed if a
figure is outside its limit and chance explains that in fewer than one of 20 samples.
"""

import math
from collections.abc import Callable

import numpy as np
from scipy.stats import binom

from offline.metrics import Counts, Values

CONFIDENCE = 0.95
RISK = 1.0 - CONFIDENCE
# With fewer texts that one side alone gets right, either side may have won by chance.
LEAST_LOST = math.ceil(math.log(RISK) / math.log(0.5))
ROUNDS = 4_000
SEED = 0


def chance_of_changes(changed: int, compared: int, agreement: float) -> float:
    """Return how likely so many labels change, or more, if the true share of equal ones is this.

    The exact binomial test (Clopper and Pearson, "The Use of Confidence or Fiducial Limits
    Illustrated in the Case of the Binomial", 1934). It takes labels as independent, which tokens of
    one text are only nearly.
    """
    return float(binom.sf(changed - 1, compared, 1.0 - agreement))


def chance_of_loss(before: Counts, after: Counts, metric: Callable[[Counts], Values]) -> float:
    """Return how likely a loss of this metric, or a greater one, is between two equal models.

    The paired randomization test (Noreen 1989; Yeh, "More Accurate Tests for the Statistical
    Significance of Result Differences", 2000): equal models might as well have given each other's
    answers, text by text. For accuracy it is McNemar's exact test, by sampling.

    Args:
        before: the counts of each text, [texts, columns].
        after: those of the model that may be worse, on the same texts.
    """
    sums = before.sum(axis=0), after.sum(axis=0)
    loss = float(metric(sums[0]) - metric(sums[1]))
    change = (after - before)[(after != before).any(axis=1)]
    if not len(change) or loss <= 0.0:
        return 1.0
    swapped = np.random.default_rng(SEED).random((ROUNDS, len(change))) < 0.5
    moved = np.rint(swapped @ change.astype(np.float64)).astype(np.int64)
    losses = metric(sums[0] + moved) - metric(sums[1] - moved)
    return float((1 + (losses >= loss - 1e-12).sum()) / (1 + ROUNDS))


def labels_needed(agreement: float) -> int:
    """Return how many labels, all equal, show this share of equal ones; 1 if all must be equal."""
    return 1 if agreement >= 1.0 else math.ceil(math.log(RISK) / math.log(max(agreement, 1e-9)))


def texts_needed(loss: float) -> int:
    """Return the labelled texts from which on a loss of so much may be more than chance.

    Args:
        loss: more than 0. If texts are gained too, it takes more of them.
    """
    return math.ceil(round(LEAST_LOST / loss, 6))
