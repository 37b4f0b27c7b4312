"""Reader of JSON-lines spans: {"text", "spans": [{"start", "end", "label"}]}."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from training.readers.examples import Span, TaggedExample
from training.readers.lines import Place, read_json_lines

_ROW = {"text", "spans"}
_SPAN = {"start", "end", "label"}


def read_spans(path: Path) -> Iterator[TaggedExample]:
    """Read texts with entities given by character offsets, end excluded."""
    for at, row in read_json_lines(path):
        _check_keys(row, _ROW, at)
        text = row["text"]
        if not isinstance(text, str) or not text.strip():
            raise at.error(f"{text!r} is not a text", "text")
        if not isinstance(row["spans"], list):
            problem = f"{row['spans']!r} is not a list; write [] for a text without entities"
            raise at.error(problem, "spans")
        spans = [_span(value, text, at) for value in row["spans"]]
        spans.sort(key=lambda span: span.start)
        for left, right in zip(spans, spans[1:], strict=False):
            if right.start < left.end:
                problem = f"{_show(left, text)} and {_show(right, text)} overlap; keep one"
                raise at.error(problem, "spans")
        yield TaggedExample(text, tuple(spans), at.line)


def _check_keys(row: dict[str, Any], expected: set[str], at: Place, prefix: str = "") -> None:
    wanted = ", ".join(sorted(expected))
    for name in sorted(row.keys() - expected):
        raise at.error(f"unknown column; expected {wanted}", prefix + name)
    for name in sorted(expected - row.keys()):
        raise at.error(f"the column is missing; expected {wanted}", prefix + name)


def _span(value: Any, text: str, at: Place) -> Span:
    if not isinstance(value, dict):
        raise at.error(f"{value!r} is not a span; write start, end and label", "spans")
    _check_keys(value, _SPAN, at, "spans.")
    start, end, label = value["start"], value["end"], value["label"]
    if not isinstance(label, str) or not label.strip():
        raise at.error(f"{label!r} is not a label", "spans.label")
    problem = _offset_problem(start, end, text)
    if problem:
        raise at.error(problem, "spans")
    return Span(start, end, label.strip())


def _offset_problem(start: Any, end: Any, text: str) -> str | None:
    """Return the fault of two offsets, None if they are right."""
    if type(start) is not int or type(end) is not int or not 0 <= start < end <= len(text):
        return (
            f"span {start!r} to {end!r} is out of the text; "
            f"offsets are whole numbers, 0 <= start < end <= {len(text)}"
        )
    covered = text[start:end]
    if covered != covered.strip():
        return f"span {start} to {end} {covered!r} begins or ends with a space; move it to the word"
    for at in (start, end):
        if 0 < at < len(text) and _in_word(text[at - 1]) and _in_word(text[at]):
            return f"span {start} to {end} {covered!r} cuts a word; move it to the word's edge"
    return None


def _in_word(character: str) -> bool:
    """Tell whether a character belongs to a script that writes spaces between its words."""
    return character.isupper() or character.islower() or character.isdigit()


def _show(span: Span, text: str) -> str:
    return f"{span.start} to {span.end} {text[span.start : span.end]!r}"
