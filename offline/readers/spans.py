"""Rows of texts with entities: text and spans, each of start, end (excluded) and label."""

from collections.abc import Sequence
from typing import Any

from offline.readers.examples import Span, TaggedExample, Unlabelled
from offline.readers.lines import Place
from offline.readers.values import read_label, read_words, show

COLUMNS = ("text", "spans")
_SPAN = ("start", "end", "label")


def read_span_row(at: Place, row: dict[str, Any]) -> TaggedExample | Unlabelled:
    """Return the example of a row, its spans sorted; a row without spans is unlabelled.

    Raises:
        DataError: names the column that cannot be used, or the span outside the text.
    """
    text = read_words(row.get("text"), at, "text")
    found = row.get("spans")
    if found is None:
        return Unlabelled(text, None, at.line)
    if not isinstance(found, list):
        problem = f"{show(found)} is not a list; write [] for a text without entities"
        raise at.error(problem, "spans")
    spans = sorted((_span(value, text, at) for value in found), key=lambda span: span.start)
    return TaggedExample(text, tuple(spans), at.line)


def _span(value: Any, text: str, at: Place) -> Span:
    if not isinstance(value, dict):
        raise at.error(f"{show(value)} is not a span; write start, end and label", "spans")
    for name in _SPAN:
        if name not in value:
            problem = f"{show(value)} has no {name}; a span has {', '.join(_SPAN)}"
            raise at.error(problem, f"spans.{name}")
    start, end = value["start"], value["end"]
    label = read_label(value["label"], at, "spans.label")
    if type(start) is not int or type(end) is not int or not 0 <= start < end <= len(text):
        problem = f"span {show(start)} to {show(end)} is out of the text"
        limits = f"offsets are whole numbers, 0 <= start < end <= {len(text)}"
        raise at.error(f"{problem}; {limits}", "spans")
    return Span(start, end, label)


def check_whole_words(example: TaggedExample, at: Place) -> None:
    """Raise DataError for spans that overlap or cut a word: a tag for each word cannot say them."""
    for span in example.spans:
        problem = _edge_problem(span, example.text)
        if problem:
            raise at.error(problem, "spans")
    _check_apart(example.spans, example.text, at)


def _check_apart(spans: Sequence[Span], text: str, at: Place) -> None:
    for left, right in zip(spans, spans[1:], strict=False):
        if right.start < left.end:
            problem = f"{_show(left, text)} and {_show(right, text)} overlap; keep one"
            raise at.error(problem, "spans")


def _edge_problem(span: Span, text: str) -> str | None:
    """Return what is wrong with the ends of a span, None if they are ends of words."""
    covered = text[span.start : span.end]
    if covered != covered.strip():
        return f"span {_show(span, text)} begins or ends with a space; move it to the word"
    for at in (span.start, span.end):
        if 0 < at < len(text) and _in_word(text[at - 1]) and _in_word(text[at]):
            return f"span {_show(span, text)} cuts a word; move it to the word's edge"
    return None


def _in_word(character: str) -> bool:
    """Tell whether a character belongs to a script that writes spaces between its words."""
    return character.isupper() or character.islower() or character.isdigit()


def _show(span: Span, text: str) -> str:
    return f"{span.start} to {span.end} {show(text[span.start : span.end])}"
