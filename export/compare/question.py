"""What is asked of B: the same answers as A, no worse ones, or better ones."""

from export.compare.comparison import Comparison
from export.compare.subjects import Subject
from export.errors import ExportError
from export.options import Expectation
from export.parity.significance import RISK
from export.parity.tolerances import Tolerance
from export.parity.verdict import Verdict, judge

MEANING: dict[Expectation, str] = {
    "same": "B answers as A does",
    "not-worse": "B is no worse than A",
    "better": "B is better than A",
}


def choose_question(
    asked: Expectation | None, a: Subject, b: Subject, labelled: int
) -> Expectation:
    """Return what was asked, or `same` for equal weights and `not-worse` for others.

    Raises:
        ExportError: only labels can tell, and there are none.
    """
    equal = a.weights_sha256 == b.weights_sha256
    question = asked or ("same" if equal else "not-worse")
    if question != "same" and not labelled:
        why = f"--expect {asked}" if asked else f"{b.path} has other weights than {a.path}"
        raise ExportError(
            f"{why}: only labelled texts tell which is better, and --data has none; label some, or "
            "give --expect same to ask for the same answers"
        )
    return question


def answer_question(question: Expectation, found: Comparison, tolerance: Tolerance) -> Verdict:
    """Hold the figures to what was asked.

    B is worse if it loses more of the metric than the limit, and more than chance explains. It is
    better if chance does not explain its gain.
    """
    if question == "better":
        gain, chance = 0.0 - found.metric_loss, found.chance_of_gain
        if chance < RISK:
            return Verdict()
        why = f"which chance explains in {chance:.0%} of samples"
        return Verdict((f"{found.headline} {gain:+.4f} where a gain is needed, {why}",))
    limits = tolerance if question == "same" else Tolerance(0.0, metric_loss=tolerance.metric_loss)
    return judge(limits, found.decisive, found.metric_loss, found.chance_of_loss)
