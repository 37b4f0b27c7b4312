"""Hold the figures of a graph to a tolerance: what misses it, and what too few texts leave open."""

from dataclasses import dataclass

from export.parity.agreement import Agreement
from export.parity.significance import RISK, chance_of_changes, labels_needed, texts_needed
from export.parity.tolerances import Tolerance

# 0.95 - 0.94 is a little more than 0.01.
ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Verdict:
    """The figures of a graph outside their limits, a phrase each.

    Attributes:
        problems: more than chance explains: the gate is missed.
        undecided: chance explains them: more texts would decide, and the gate is passed.
    """

    problems: tuple[str, ...] = ()
    undecided: tuple[str, ...] = ()


def judge(tolerance: Tolerance, labels: Agreement, metric_loss: float, chance: float) -> Verdict:
    """Hold figures to a tolerance.

    Args:
        chance: how likely a metric loss as large is between two equal models.
    """
    problems, undecided = [], []
    if labels.share < tolerance.agreement:
        changed = labels.compared - labels.equal
        phrase = f"agreement {labels.share:.4f} where >= {tolerance.agreement:g} is needed"
        if chance_of_changes(changed, labels.compared, tolerance.agreement) < RISK:
            problems.append(phrase)
        else:
            counted = f"{changed} of {labels.compared} labels changed"
            needed = labels_needed(tolerance.agreement)
            undecided.append(f"{phrase}: {counted}, which chance explains; {needed} would decide")
    if labels.score_difference > tolerance.score_difference:
        limit = f"where <= {tolerance.score_difference:g} is needed"
        problems.append(f"score difference {labels.score_difference:.4f} {limit}")
    if metric_loss > tolerance.metric_loss + ROUNDING:
        phrase = f"metric loss {metric_loss:.4f} where <= {tolerance.metric_loss:g} is needed"
        if chance < RISK:
            problems.append(phrase)
        else:
            needed = texts_needed(metric_loss)
            undecided.append(f"{phrase}: chance explains it; {needed} labelled texts may decide")
    return Verdict(tuple(problems), tuple(undecided))
