"""Rows of texts with entities: text and spans, each of start, end (excluded) and label."""

from collections.abc import Iterable
from typing import Any

from offline.errors import SpanError
from offline.readers import conll
from offline.readers.examples import Span, TaggedExample, Unlabelled
from offline.readers.lines import Place
from offline.readers.values import read_label, read_words, show

_SPAN = ("start", "end", "label")
# So many entities must show that their ends are included, and so few others the contrary.
_ENOUGH, _CONTRARY = 5, 0.05


def read_span_row(
    at: Place, row: dict[str, Any], *, end_shift: int = 0
) -> TaggedExample | Unlabelled:
    """Return the example of a row, its spans sorted; a row without spans is unlabelled.

    A list of words with a list of their tags is such a row too.

    Args:
        end_shift: what is added to every end: 1 where the file's ends are included.

    Raises:
        DataError: names the column that cannot be used, or the span outside the text.
    """
    found = row.get("spans")
    if isinstance(row.get("text"), list) and isinstance(found, list):
        row = conll.read_words(row["text"], found, at)
        found = row["spans"]
    text = read_words(row.get("text"), at, "text")
    if found is None:
        return Unlabelled(text, None, at.line)
    if not isinstance(found, list):
        problem = f"{show(found)} is not a list; write [] for a text without entities"
        raise at.error(problem, "spans")
    spans = [_span(value, text, at, end_shift) for value in found]
    return TaggedExample(text, tuple(sorted(spans, key=lambda span: span.start)), at.line)


def _span(value: Any, text: str, at: Place, end_shift: int) -> Span:
    parts = _parts(value)
    if parts is None:
        problem = f"{show(value)} is not a span; write start, end and label"
        raise at.error(problem, "spans")
    for name in _SPAN:
        if name not in parts:
            problem = f"{show(value)} has no {name}; a span has {', '.join(_SPAN)}"
            raise at.error(problem, f"spans.{name}")
    start, end = parts["start"], parts["end"]
    label = read_label(parts["label"], at, "spans.label")
    whole = type(start) is int and type(end) is int
    if not whole or not 0 <= start < end + end_shift <= len(text):
        problem = f"span {show(start)} to {show(end)} is out of the text"
        limits = f"offsets are whole numbers, 0 <= start < end <= {len(text)}"
        raise at.error(f"{problem}; {limits}", "spans", SpanError)
    return Span(start, end + end_shift, label)


def _parts(value: Any) -> dict[str, Any] | None:
    """Return the parts of a span by name; a list of them has the order start, end, label."""
    if isinstance(value, list) and len(value) == len(_SPAN):
        return dict(zip(_SPAN, value, strict=True))
    return value if isinstance(value, dict) else None


def ends_are_included(rows: Iterable[tuple[Any, Any]]) -> int:
    """Return how many entities show that their ends are their last characters; 0 if they do not.

    Args:
        rows: each text with its spans, as the file holds them.
    """
    included = excluded = 0
    for text, spans in rows:
        if not isinstance(text, str) or not isinstance(spans, list):
            continue
        for parts in filter(None, map(_parts, spans)):
            start, end = parts.get("start"), parts.get("end")
            if type(start) is int and type(end) is int:
                usual, other = _is_whole(text, start, end), _is_whole(text, start, end + 1)
                included += other and not usual
                excluded += usual and not other
    return included if included >= _ENOUGH and excluded <= included * _CONTRARY else 0


def _is_whole(text: str, start: int, end: int) -> bool:
    """Tell whether a span may end here: in the text, not with a space, not within a word."""
    inside = 0 <= start < end <= len(text)
    return inside and not text[end - 1].isspace() and not _cuts(text, end)


def check_whole_words(example: TaggedExample, at: Place) -> None:
    """Raise SpanError for spans that overlap or cut a word: a tag for each word cannot say them."""
    for span in example.spans:
        problem = _edge_problem(span, example.text)
        if problem:
            raise at.error(f"{problem} (--on-bad-span snap does)", "spans", SpanError)
    for left, right in zip(example.spans, example.spans[1:], strict=False):
        if right.start < left.end:
            problem = f"{_show(left, example.text)} and {_show(right, example.text)} overlap"
            raise at.error(f"{problem}; keep one (--on-bad-span snap does)", "spans", SpanError)


def snap_to_words(example: TaggedExample) -> tuple[TaggedExample, int, int]:
    """Move spans to the edges of the words that they cut; of those that overlap keep the longer.

    Returns:
        The example, the number of spans that moved, and the number of those left out.
    """
    moved = [_snap(span, example.text) for span in example.spans]
    kept: list[Span] = []
    for span in sorted(moved, key=lambda one: one.start - one.end):
        apart = all(span.end <= other.start or other.end <= span.start for other in kept)
        if span.start < span.end and apart:
            kept.append(span)
    spans = tuple(sorted(kept, key=lambda one: one.start))
    changed = sum(new != old for new, old in zip(moved, example.spans, strict=True))
    return TaggedExample(example.text, spans, example.line), changed, len(moved) - len(kept)


def _snap(span: Span, text: str) -> Span:
    covered = text[span.start : span.end]
    start = span.start + len(covered) - len(covered.lstrip())
    end = start + len(covered.strip())
    while start < end and _cuts(text, start):
        start -= 1
    while start < end and _cuts(text, end):
        end += 1
    return Span(start, end, span.label)


def _edge_problem(span: Span, text: str) -> str | None:
    """Return what is wrong with the ends of a span, None if they are ends of words."""
    covered = text[span.start : span.end]
    if covered != covered.strip():
        return f"span {_show(span, text)} begins or ends with a space; move it to the word"
    if _cuts(text, span.start) or _cuts(text, span.end):
        return f"span {_show(span, text)} cuts a word; move it to the word's edge"
    return None


def _cuts(text: str, at: int) -> bool:
    """Tell whether a word goes on at this place."""
    return 0 < at < len(text) and _in_word(text[at - 1]) and _in_word(text[at])


def _in_word(character: str) -> bool:
    """Tell whether a character belongs to a script that writes spaces between its words."""
    return character.isupper() or character.islower() or character.isdigit()


def _show(span: Span, text: str) -> str:
    return f"{span.start} to {span.end} {show(text[span.start : span.end])}"
