"""Show a comparison line by line for people, and write it as JSON for CI."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from app.engine.text.encoding import TextInput
from export.compare.answers import Answer
from export.compare.comparison import Comparison
from export.compare.question import MEANING
from export.compare.subjects import AnsweredSubject
from export.errors import ExportError
from export.options import Expectation
from export.parity.significance import RISK
from export.parity.tolerances import Tolerance
from export.parity.verdict import Verdict

TEXT_CHARACTERS = 80
# A text can have a hundred entities.
SHOWN_ANSWERS = 5


def show_figures(found: Comparison) -> Iterator[str]:
    """Yield a line for each figure."""
    labels, texts, comparable = found.labels, len(found.texts), len(found.comparable)
    tagged = found.config.task == "token-classification"
    if not tagged:
        yield _row("label agreement", f"{labels.share:.4f} ({labels.equal} of {texts} texts)")
    elif comparable:
        counted = f"{labels.equal} of {labels.compared} tokens, in {comparable} of {texts} texts"
        yield _row("token-label agreement", f"{labels.share:.4f} ({counted})")
    if comparable:
        largest, mean = labels.score_difference, found.mean_score_difference
        yield _row("score difference", f"largest {largest:.4f}, mean over texts {mean:.4f}")
    if tagged:
        share = found.equal_texts / texts
        yield _row("equal entities", f"{share:.4f} ({found.equal_texts} of {texts} texts)")
    if comparable < texts:
        yield f"{texts - comparable} texts are cut into other tokens: equal entities decide"
    for name, a in found.metrics[0].items():
        b = found.metrics[1][name]
        yield _row(name, f"A {a:.4f}, B {b:.4f}, {b - a:+.4f} ({found.labelled} labelled texts)")


def show_verdict(question: Expectation, found: Comparison, verdict: Verdict) -> Iterator[str]:
    """Yield what was asked and whether it is so; what too few texts leave open comes before."""
    yield from (f"undecided: {one}" for one in verdict.undecided)
    if verdict.problems:
        yield f"FAILED: {MEANING[question]} is not so: {'; '.join(verdict.problems)}"
        return
    gain = f", {found.headline} {0.0 - found.metric_loss:+.4f}" if found.labelled else ""
    certain = min(found.chance_of_gain, found.chance_of_loss) < RISK
    beyond = ", more than chance explains" if gain and certain else ""
    yield f"ok: {MEANING[question]}{gain}{beyond}"


def show_changes(found: Comparison, count: int) -> Iterator[str]:
    """Yield the worst of the changed answers, three lines each."""
    changed = found.changed
    if not changed:
        yield "no answer changed"
        return
    shown = f"the worst {count}" if count < len(changed) else "the worst first"
    what = (
        " (entities that only one side has)" if found.config.task == "token-classification" else ""
    )
    yield f"{len(changed)} answers changed, {shown}{what}:"
    for text in changed[:count]:
        yield f"  {text.weight:.4f}  {_shorten(text.source)}"
        for name, answers in zip("AB", text.answers, strict=True):
            yield f"          {name} {_show_answers(answers)}"


def write_figures(
    file: Path,
    answered: Sequence[AnsweredSubject],
    found: Comparison,
    tolerance: Tolerance,
    question: Expectation,
    verdict: Verdict,
) -> None:
    """Write the figures as JSON, without any text; raise ExportError if that fails."""
    a, b = ({"path": str(one.path), "served": one.served} for one in answered)
    content: dict[str, Any] = {
        "a": a | {"metrics": found.metrics[0]},
        "b": b | {"metrics": found.metrics[1]},
        "texts": len(found.texts),
        "labelled": found.labelled,
        "expect": question,
        "agreement": found.decisive.share,
        "label_agreement": found.labels.share if found.comparable else None,
        "equal_answers": found.equal_texts / len(found.texts),
        "texts_with_equal_tokens": len(found.comparable),
        "max_score_difference": found.labels.score_difference if found.comparable else None,
        "mean_score_difference": found.mean_score_difference if found.comparable else None,
        "changed": len(found.changed),
        "metric": found.headline,
        "metric_loss": found.metric_loss if found.labelled else None,
        "chance_of_loss": found.chance_of_loss if found.labelled else None,
        "chance_of_gain": found.chance_of_gain if found.labelled else None,
        "limits": {"agreement": tolerance.agreement, "metric_loss": tolerance.metric_loss},
        "undecided": list(verdict.undecided),
        "failed": list(verdict.problems),
    }
    try:
        file.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    except OSError as exc:
        remedy = "give --json a file in a folder that can be written"
        raise ExportError(f"{file} cannot be written ({exc.strerror}); {remedy}") from exc


def _row(name: str, figures: str) -> str:
    return f"{name:<22} {figures}"


def _shorten(source: TextInput) -> str:
    """Return the beginning of a text on one line, quoted so that it cannot control a terminal."""
    whole = " | ".join(filter(None, (source.text, source.text_pair)))
    if len(whole) > TEXT_CHARACTERS:
        whole = whole[: TEXT_CHARACTERS - 1] + "…"
    return repr(whole)


def _show_answers(answers: Sequence[Answer]) -> str:
    parts = [f"{one.name} {one.score:.4f}" for one in answers[:SHOWN_ANSWERS]]
    if len(answers) > SHOWN_ANSWERS:
        parts.append(f"and {len(answers) - SHOWN_ANSWERS} more")
    return ", ".join(parts) or "nothing"
