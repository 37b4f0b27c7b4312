"""Write the sections of report.md on scores: calibration and thresholds."""

from collections.abc import Sequence

from app.bundle.manifest import Manifest
from export.report.diagram import DIAGRAM
from export.report.markdown import table
from export.scores.reliability import BINS
from export.scores.scoring import Scoring
from export.scores.temperature import Fit, Quality
from export.scores.thresholds import LabelThreshold, macro


def scoring_sections(manifest: Manifest, scoring: Scoring) -> list[list[str]]:
    """Return a section for each of the two that was fitted."""
    sections = []
    if scoring.fit is not None:
        sections.append(["## Calibration", "", *_calibration(manifest, scoring.fit)])
    if scoring.tuned:
        sections.append(["## Thresholds", "", *_thresholds(scoring.tuned)])
    return sections


def _calibration(manifest: Manifest, fit: Fit) -> list[str]:
    if fit.reason:
        verdict = f"The temperature stays 1, scores are the checkpoint's own: {fit.reason}."
    else:
        verdict = (
            f"Scores are those of logits / {fit.temperature:g}: temperature scaling after Guo et "
            f"al. 2017, fitted on the checkpoint's logits on all {fit.examples} labelled examples."
        )
    tokens = fit.before.entities is not None
    titles = ["", "ECE", *(["ECE, tokens not answered O"] if tokens else []), "log loss"]
    rows = [("temperature 1", *_figures(fit.before))]
    if fit.after is not None:
        rows.append(("fitted on the other half", *_figures(fit.after)))
    lines = [verdict, "", *table(titles, rows), "", _explain(manifest, fit)]
    if fit.halves:
        halves = " and ".join(f"{one:g}" for one in fit.halves)
        lines += [
            "",
            "The second row is cross-fitted: each half of the examples is scored at the "
            f"temperature fitted on the other ({halves}), so no figure is measured on what it was "
            "fitted on.",
        ]
    return [*lines, "", f"![Reliability before and after calibration]({DIAGRAM})"]


def _figures(quality: Quality) -> list[str]:
    entities = [] if quality.entities is None else [f"{quality.entities.ece:.4f}"]
    return [f"{quality.reliability.ece:.4f}", *entities, f"{quality.loss:.4f}"]


def _explain(manifest: Manifest, fit: Fit) -> str:
    if manifest.task == "token-classification":
        what = (
            f"a token's best score and whether its tag is right, over {fit.observations} tokens "
            f"that `{manifest.defaults.aggregation_strategy}` reads, most of which are O"
        )
    elif manifest.problem_type == "multi_label" or len(manifest.labels) == 1:
        what = f"a label's score and whether it holds, over {fit.observations} labels of texts"
    else:
        what = f"the best label's score and whether it is right, over {fit.observations} texts"
    return (
        f"ECE, the expected calibration error, is the mean distance between a score and how often "
        f"scores like it are right, in {BINS} bins of equal width: {what}. 0 is best."
    )


def _thresholds(tuned: Sequence[LabelThreshold]) -> list[str]:
    rows = [
        (
            one.label,
            str(one.positives),
            f"{one.threshold:.3f}",
            *(f"{value:.4f}" for value in (one.f1_at_half, one.f1_tuned, one.f1_crossfitted)),
        )
        for one in tuned
    ]
    means = [
        macro([getattr(one, name) for one in tuned])
        for name in ("f1_at_half", "f1_tuned", "f1_crossfitted")
    ]
    rows.append(("macro F1", "", "", *(f"{mean:.4f}" for mean in means)))
    titles = ("label", "examples with it", "threshold", "F1 at 0.5", "F1 tuned", "F1 cross-fitted")
    lines = [
        "Without a `threshold` in the request, a label is answered from its own threshold on: "
        "where its F1 is best.",
        "",
        *table(titles, rows),
        "",
        "F1 tuned is measured on the examples that the threshold was tuned on, so it is too good; "
        "cross-fitted, each half of the examples is answered at the threshold tuned on the other.",
    ]
    unseen = [one.label for one in tuned if not one.positives]
    if unseen:
        lines += ["", f"No example has {', '.join(unseen)}: the threshold stays 0.5 there."]
    return lines
