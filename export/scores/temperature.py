"""Calibrate scores by temperature scaling, so that a score is the chance of being right.

Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks", 2017: divide all logits
by the one temperature at which the labelled examples are most likely.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar

from app.bundle.measured import Calibration
from export.scores.labelled_logits import LabelledLogits
from export.scores.reliability import Reliability, measure_reliability

MIN_EXAMPLES = 100
# A best temperature outside these bounds says nothing about the scores: it goes to 0 if all labels
# are right, and to infinity if they have nothing to do with the logits.
LOWEST, HIGHEST = 0.05, 20.0
DECIMALS = 4


@dataclass(frozen=True, slots=True, eq=False)
class Quality:
    """The quality of scores.

    Attributes:
        loss: mean negative log likelihood of the truth, in nats.
        entities: reliability of the tokens whose best label is not O; None unless rows are tokens.
    """

    reliability: Reliability
    loss: float
    entities: Reliability | None


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """A temperature with the figures that speak for it or against it.

    Attributes:
        temperature: the served one; 1 if the fitted one was rejected, for which see `reason`.
        halves: the temperatures fitted on each half of the examples; empty if none was fitted.
        before: at temperature 1.
        after: each half at the temperature of the other half; None if none was fitted.
    """

    temperature: float
    halves: tuple[float, ...]
    before: Quality
    after: Quality | None
    examples: int
    observations: int
    reason: str = ""

    @property
    def record(self) -> Calibration:
        """The record in the manifest."""
        served = self.before if self.reason or self.after is None else self.after
        return Calibration(
            temperature=self.temperature,
            ece_before=round(self.before.reliability.ece, 6),
            ece_after=round(served.reliability.ece, 6),
            examples=self.examples,
            observations=self.observations,
            reason=self.reason or None,
        )

    def __str__(self) -> str:
        before = self.before.reliability.ece
        if self.reason or self.after is None:
            return f"temperature stays 1, ECE {before:.3f}: {self.reason}"
        after = self.after.reliability.ece
        return f"temperature {self.temperature:.2f}, ECE {before:.3f} -> {after:.3f}"


def calibrate(labelled: LabelledLogits) -> Fit:
    """Fit the temperature on all examples, and judge it on two halves that are cross-fitted.

    It stays 1 with fewer than `MIN_EXAMPLES` examples, if the fit finds no temperature, and if any
    cross-fitted figure gets worse.
    """
    before = assess(labelled, 1.0)
    examples, rows = labelled.examples, labelled.truth.size
    reason = _unfit(labelled)
    if reason:
        return Fit(1.0, (), before, None, examples, rows, reason)
    half = labelled.half
    found = [fit_temperature(part) for part in (labelled, *map(labelled.part, (half, ~half)))]
    after = assess(labelled, np.where(half, found[2], found[1]))
    reason = _rejected(found, before, after)
    temperature = 1.0 if reason else found[0]
    return Fit(temperature, tuple(found[1:]), before, after, examples, rows, reason)


def fit_temperature(labelled: LabelledLogits) -> float:
    """Return the temperature from `LOWEST` to `HIGHEST` at which the truth is most likely.

    The loss is convex in 1 / temperature, so it has one minimum over the logarithm too.
    """
    found = minimize_scalar(
        lambda logarithm: loss(labelled, math.exp(logarithm)),
        bounds=(math.log(LOWEST), math.log(HIGHEST)),
        method="bounded",
        options={"xatol": 1e-5},
    )
    return round(math.exp(found.x), DECIMALS)


def loss(labelled: LabelledLogits, temperature: npt.ArrayLike) -> float:
    """Return the mean negative log likelihood in nats, of the texts or tokens, or of each label.

    Args:
        temperature: one, or one for each row.
    """
    values = labelled.logits / np.asarray(temperature, dtype=np.float64).reshape(-1, 1)
    if labelled.independent:
        return float((np.logaddexp(0.0, values) - labelled.truth * values).mean())
    right = np.take_along_axis(values, labelled.truth[:, None], axis=1)[:, 0]
    return float((np.logaddexp.reduce(values, axis=1) - right).mean())


def assess(labelled: LabelledLogits, temperature: npt.ArrayLike) -> Quality:
    """Measure scores at a temperature, or at one for each row.

    If one label holds, this compares the best label's score with whether it is right. If several
    may hold, it compares every label's score with whether the label holds.
    """
    if not labelled.truth.size:
        nothing = measure_reliability([], [])
        return Quality(nothing, 0.0, None if labelled.outside is None else nothing)
    scores, missed = labelled.scores(temperature), loss(labelled, temperature)
    if labelled.independent:
        return Quality(measure_reliability(scores, labelled.truth), missed, None)
    # Take the best label from the logits: scores close to 1 may be equal by rounding.
    best = labelled.logits.argmax(axis=1)
    highest, right = scores.max(axis=1), best == labelled.truth
    entities = None
    if labelled.outside is not None:
        named = best != labelled.outside
        entities = measure_reliability(highest[named], right[named])
    return Quality(measure_reliability(highest, right), missed, entities)


def _unfit(labelled: LabelledLogits) -> str:
    """Return why nothing can be fitted, or an empty string."""
    if labelled.examples < MIN_EXAMPLES:
        return f"{labelled.examples} labelled examples, at least {MIN_EXAMPLES} are needed"
    if not labelled.truth.size or (labelled.truth == labelled.truth.flat[0]).all():
        return "the labelled examples all say the same"
    return ""


def _rejected(found: list[float], before: Quality, after: Quality) -> str:
    """Return why a fitted temperature is rejected, or an empty string."""
    if any(not LOWEST * 1.01 < one < HIGHEST * 0.99 for one in found):
        return (
            f"the fit finds no temperature between {LOWEST:g} and {HIGHEST:g}; the examples are "
            "told apart too well or not at all, give more of them"
        )
    figures = [
        ("ECE", before.reliability.ece, after.reliability.ece),
        ("negative log likelihood", before.loss, after.loss),
    ]
    if before.entities is not None and after.entities is not None:
        figures.append(("ECE of tokens not answered O", before.entities.ece, after.entities.ece))
    worse = [f"{name} from {old:.4f} to {new:.4f}" for name, old, new in figures if new > old]
    return f"cross-fitted, it would raise the {' and the '.join(worse)}" if worse else ""
