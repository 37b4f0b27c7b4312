"""Renders the report of a checkpoint as Markdown."""

from collections.abc import Mapping, Sequence

from training.tasks.scores import Scores

SHARES = ("precision", "recall", "f1")


def render_report(
    title: str, scores: Scores, classes: Sequence[str], facts: Mapping[str, object]
) -> str:
    """Return the report: metrics, a table by label, the confusion matrix and the facts."""
    parts = [f"# {title}", _metrics(scores), *_beside(scores), "## By label", _per_label(scores)]
    if scores.confusion is not None:
        parts += ["## Confusion matrix", "Rows are true labels, columns are predictions."]
        parts += [_confusion(scores.confusion, classes)]
    parts += ["## How it was made", "\n".join(f"- {name}: {facts[name]}" for name in facts)]
    return "\n\n".join(parts) + "\n"


def _metrics(scores: Scores) -> str:
    rows = [[name.replace("_", " "), f"{value:.4f}"] for name, value in scores.metrics.items()]
    return _table(["metric", "value"], rows)


def _beside(scores: Scores) -> list[str]:
    """Return what the metrics must be seen beside."""
    found = [f"{one[0].upper()}{one[1:]}." for one in scores.warnings()]
    if scores.baseline is None:
        return found
    always, headline = scores.baseline, scores.headline.replace("_", " ")
    return [f"Always answering {always.answer} has {headline} {always.value:.4f}.", *found]


def _per_label(scores: Scores) -> str:
    rows = [
        [label, *(f"{row[name]:.3f}" for name in SHARES), f"{row['support']:.0f}"]
        for label, row in scores.per_label.items()
    ]
    return _table(["label", "precision", "recall", "F1", "held-out"], rows)


def _confusion(matrix: Sequence[Sequence[int]], classes: Sequence[str]) -> str:
    rows = [[name, *map(str, row)] for name, row in zip(classes, matrix, strict=True)]
    return _table(["true \\ predicted", *classes], rows)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    ruler = "| --- |" + " ---: |" * (len(header) - 1)
    return "\n".join([line(header), ruler, *map(line, rows)])
