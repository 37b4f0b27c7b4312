"""Reader of CoNLL columns: one token a line, its tag in the last column, blank between sentences.

Tags are BIO, BIOES or BMES; all become the same spans.
"""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from training.readers.examples import Span, TaggedExample
from training.readers.lines import Place, read_text

_OPENING = frozenset("BS")
_INSIDE = frozenset("IME")


@dataclass(frozen=True, slots=True)
class _Token:
    word: str
    prefix: str
    label: str
    line: int

    @property
    def tag(self) -> str:
        return f"{self.prefix}-{self.label}" if self.label else self.prefix


def read_conll(path: Path) -> Iterator[TaggedExample]:
    """Read sentences; tokens are joined by one space, Chinese ones by none."""
    tokens: list[_Token] = []
    columns = 0
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if not line.strip() or line.startswith("-DOCSTART-"):
            if tokens:
                yield _sentence(tokens)
            tokens = []
            continue
        cells = line.strip("\r\n").split("\t") if "\t" in line else line.split()
        columns = columns or len(cells)
        previous = tokens[-1] if tokens else None
        tokens.append(_token(cells, columns, previous, Place(path, number)))
    if tokens:
        yield _sentence(tokens)


def _token(cells: list[str], columns: int, previous: _Token | None, at: Place) -> _Token:
    if len(cells) < 2 or len(cells) != columns:
        expected = columns if columns >= 2 else "2 or more"
        problem = f"{len(cells)} columns, expected {expected}: the token first, its tag last"
        raise at.error(problem, len(cells))
    word, tag = cells[0].strip(), cells[-1].strip()
    if not word:
        raise at.error("the token is empty; drop the line", 1)
    prefix, _, label = tag.partition("-")
    known = tag == "O" or (label and prefix in _OPENING | _INSIDE)
    if not known:
        raise at.error(f"{tag!r} is not a tag; use O, B-<label> or I-<label>", columns)
    token = _Token(word, prefix, label, at.line)
    if prefix in _INSIDE and not _continues(previous, token):
        before = "nothing" if previous is None else repr(previous.tag)
        raise at.error(
            f"{tag!r} continues no entity (before it: {before}); begin an entity with B-{label}",
            columns,
        )
    return token


def _continues(previous: _Token | None, token: _Token) -> bool:
    return previous is not None and previous.prefix in "BIM" and previous.label == token.label


def _sentence(tokens: list[_Token]) -> TaggedExample:
    text = ""
    spans: list[Span] = []
    for token in tokens:
        if text and not (_is_wide(text[-1]) and _is_wide(token.word[0])):
            text += " "
        start = len(text)
        text += token.word
        if token.prefix in _OPENING:
            spans.append(Span(start, len(text), token.label))
        elif token.prefix in _INSIDE:
            spans[-1] = Span(spans[-1].start, len(text), token.label)
    return TaggedExample(text, tuple(spans), tokens[0].line)


def _is_wide(character: str) -> bool:
    """Tell whether a character is of a script written without spaces, such as Chinese."""
    return unicodedata.east_asian_width(character) in "WF"
