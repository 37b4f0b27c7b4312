"""Reader of CoNLL columns: one token a line, its tag in the last column, blank between sentences.

Tags are BIO, BIOES or BMES; all become the same spans.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from offline.errors import DataError
from offline.readers.examples import RawRow
from offline.readers.layout import DataFile
from offline.readers.lines import Place

_OPENING = frozenset("BS")
_INSIDE = frozenset("IME")
# A line's place and its cells.
_Line = tuple[Place, list[str]]


@dataclass(frozen=True, slots=True)
class _Token:
    word: str
    prefix: str
    label: str

    @property
    def tag(self) -> str:
        return f"{self.prefix}-{self.label}" if self.label else self.prefix


def read_conll(file: DataFile) -> Iterator[RawRow]:
    """Yield sentences as texts with spans, or the fault of a sentence.

    Tokens are joined by one space, Chinese ones by none.
    """
    sentences = list(_split(file))
    columns = len(sentences[0][0][1]) if sentences else 0
    for lines in sentences:
        try:
            row = _sentence(_tokens(lines, columns))
            yield lines[0][0], {file.columns[name]: value for name, value in row.items()}
        except DataError as exc:
            yield exc


def read_words(words: Sequence[Any], tags: Sequence[Any], at: Place) -> dict[str, Any]:
    """Return words and their tags as text and spans; raise DataError if they are no sentence."""
    if len(words) != len(tags):
        raise at.error(f"{len(tags)} tags for {len(words)} words; give each its own", "spans")
    lines = [(at, [str(word), str(tag)]) for word, tag in zip(words, tags, strict=True)]
    return _sentence(_tokens(lines, 2))


def _split(file: DataFile) -> Iterator[list[_Line]]:
    """Yield the lines of each sentence."""
    lines: list[_Line] = []
    for number, line in enumerate(file.read_text().split("\n"), start=1):
        if line.strip() and not line.startswith("-DOCSTART-"):
            cells = line.strip("\r\n").split("\t") if "\t" in line else line.split()
            lines.append((file.place(number), cells))
        elif lines:
            yield lines
            lines = []
    if lines:
        yield lines


def _tokens(lines: Sequence[_Line], columns: int) -> list[_Token]:
    tokens: list[_Token] = []
    for at, cells in lines:
        tokens.append(_token(cells, columns, tokens[-1] if tokens else None, at))
    return tokens


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
    token = _Token(word, prefix, label)
    if prefix in _INSIDE and not _continues(previous, token):
        before = "nothing" if previous is None else repr(previous.tag)
        raise at.error(
            f"{tag!r} continues no entity (before it: {before}); begin an entity with B-{label}",
            columns,
        )
    return token


def _continues(previous: _Token | None, token: _Token) -> bool:
    return previous is not None and previous.prefix in "BIM" and previous.label == token.label


def _sentence(tokens: list[_Token]) -> dict[str, Any]:
    text = ""
    spans: list[dict[str, Any]] = []
    for token in tokens:
        if text and not (_is_wide(text[-1]) and _is_wide(token.word[0])):
            text += " "
        start = len(text)
        text += token.word
        if token.prefix in _OPENING:
            spans.append({"start": start, "end": len(text), "label": token.label})
        elif token.prefix in _INSIDE:
            spans[-1]["end"] = len(text)
    return {"text": text, "spans": spans}


def _is_wide(character: str) -> bool:
    """Tell whether a character is of a script written without spaces, such as Chinese."""
    return unicodedata.east_asian_width(character) in "WF"
