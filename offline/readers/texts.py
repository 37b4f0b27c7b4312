"""Rows of classified texts: text, label (one, or a list of them) and optionally text_pair."""

from typing import Any

from offline.readers.examples import TextExample, Unlabelled
from offline.readers.lines import Place
from offline.readers.values import read_label, read_words, show


def read_text_row(at: Place, row: dict[str, Any]) -> TextExample | Unlabelled:
    """Return the example of a row; raise DataError naming the column that cannot be used.

    A row without a label, or with a blank one, is unlabelled. A whole number is a label.
    """
    text = read_words(row.get("text"), at, "text")
    pair = row.get("text_pair")
    if pair is not None:
        pair = read_words(pair, at, "text_pair")
    label = row.get("label")
    if label is None or (isinstance(label, str) and not label.strip()):
        return Unlabelled(text, pair, at.line)
    found = _labels(label, at) if isinstance(label, list) else read_label(label, at, "label")
    return TextExample(text, found, pair, at.line)


def _labels(values: list[Any], at: Place) -> tuple[str, ...]:
    labels = [read_label(value, at, "label") for value in values]
    for label in labels:
        if labels.count(label) > 1:
            problem = f"{show(label)} is listed more than once; list each label once"
            raise at.error(problem, "label")
    return tuple(sorted(labels))
