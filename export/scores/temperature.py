"""Temperature scaling: one number that makes scores as sure as they are right.

Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks", 2017: all logits are
divided by one temperature, found where the labelled examples are most likely.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar

from app.bundle import Calibration
from export.scores.labelled_logits import Observations
from export.scores.reliability import Reliability, measure_reliability

MIN_EXAMPLES = 100
# A best temperature outside is no property of the scores, but of labels that are all right (0) or
# have nothing to do with the logits (infinity).
LOWEST, HIGHEST = 0.05, 20.0
DECIMALS = 4


@dataclass(frozen=True, slots=True, eq=False)
class Quality:
    """How good scores are.

    Attributes:
        loss: mean negative log likelihood of the truth, in nats.
        entities: of the tokens alone whose best label is not O; None unless the rows are tokens.
    """

    reliability: Reliability
    loss: float
    entities: Reliability | None


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """A temperature with the figures that speak for it, or against it.

    Attributes:
        temperature: what is served; 1 where `reason` says why none was taken.
        halves: the temperatures fitted on each half of the examples; empty if none was fitted.
        before: at temperature 1.
        after: each half at the temperature that the other half gave; None if none was fitted.
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
        """What the manifest says of it."""
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


def calibrate(observed: Observations) -> Fit:
    """Fit the temperature on all examples, and judge it by two halves that are fitted in turn.

    It stays 1 with fewer than `MIN_EXAMPLES` examples, where the fit finds no temperature, and
    where the halves say that any figure would get worse.
    """
    before = assess(observed, 1.0)
    examples, rows = observed.examples, observed.truth.size
    reason = _unfit(observed)
    if reason:
        return Fit(1.0, (), before, None, examples, rows, reason)
    half = observed.half
    found = [fit_temperature(part) for part in (observed, *map(observed.part, (half, ~half)))]
    after = assess(observed, np.where(half, found[2], found[1]))
    reason = _rejected(found, before, after)
    temperature = 1.0 if reason else found[0]
    return Fit(temperature, tuple(found[1:]), before, after, examples, rows, reason)


def fit_temperature(observed: Observations) -> float:
    """Return the temperature from `LOWEST` to `HIGHEST` at which the truth is most likely.

    The loss is convex in 1 / temperature, so it has one minimum over the logarithm too.
    """
    found = minimize_scalar(
        lambda logarithm: loss(observed, math.exp(logarithm)),
        bounds=(math.log(LOWEST), math.log(HIGHEST)),
        method="bounded",
        options={"xatol": 1e-5},
    )
    return round(math.exp(found.x), DECIMALS)


def loss(observed: Observations, temperature: npt.ArrayLike) -> float:
    """Return the mean negative log likelihood in nats, of the texts or tokens, or of each label.

    Args:
        temperature: one, or one for each row.
    """
    values = observed.logits / np.asarray(temperature, dtype=np.float64).reshape(-1, 1)
    if observed.independent:
        return float((np.logaddexp(0.0, values) - observed.truth * values).mean())
    right = np.take_along_axis(values, observed.truth[:, None], axis=1)[:, 0]
    return float((np.logaddexp.reduce(values, axis=1) - right).mean())


def assess(observed: Observations, temperature: npt.ArrayLike) -> Quality:
    """Measure scores at a temperature, or at one for each row.

    Where one label holds, its score counts and whether it is right; where several may, every
    label's score and whether the label holds.
    """
    if not observed.truth.size:
        nothing = measure_reliability([], [])
        return Quality(nothing, 0.0, None if observed.outside is None else nothing)
    scores, missed = observed.scores(temperature), loss(observed, temperature)
    if observed.independent:
        return Quality(measure_reliability(scores, observed.truth), missed, None)
    # The best label is read from the logits: very sure scores may be equal by rounding.
    best = observed.logits.argmax(axis=1)
    highest, right = scores.max(axis=1), best == observed.truth
    entities = None
    if observed.outside is not None:
        named = best != observed.outside
        entities = measure_reliability(highest[named], right[named])
    return Quality(measure_reliability(highest, right), missed, entities)


def _unfit(observed: Observations) -> str:
    """Say why nothing can be fitted, if so."""
    if observed.examples < MIN_EXAMPLES:
        return f"{observed.examples} labelled examples, at least {MIN_EXAMPLES} are needed"
    if not observed.truth.size or (observed.truth == observed.truth.flat[0]).all():
        return "the labelled examples all say the same"
    return ""


def _rejected(found: list[float], before: Quality, after: Quality) -> str:
    """Say why a fitted temperature is not taken, if so."""
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
