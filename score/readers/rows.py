"""Defines rows of the input, and cuts them into the chunks of a run."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa

# A chunk is what is sorted by length, and what is written at once. Of the benchmark's texts so many
# take some seconds; more would not make batches of more equal lengths.
CHUNK_ROWS = 4096
CHUNK_CHARACTERS = 4_000_000


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the input.

    Attributes:
        number: its place in the input, from 0.
        id: the value of the id column; None without one.
        fault: why it cannot be answered; empty if it can.
    """

    number: int
    id: Any
    text: str
    text_pair: str | None = None
    fault: str = ""

    @property
    def characters(self) -> int:
        return len(self.text) + len(self.text_pair or "")


@dataclass(frozen=True, slots=True)
class Chunk:
    """Consecutive rows.

    Attributes:
        share: of the input that was read by its end.
    """

    number: int
    rows: tuple[Row, ...]
    share: float


class Source(Protocol):
    """An input, read once from its beginning."""

    @property
    def id_type(self) -> pa.DataType:
        """Type of the id column in a Parquet output."""
        ...

    @property
    def share(self) -> float:
        """Share of the input that was read."""
        ...

    def rows(self) -> Iterator[Row]:
        """Yield every row; raise ScoreError where the input cannot be read on."""
        ...


def cut(source: Source) -> Iterator[Chunk]:
    """Yield the rows in chunks, which the input alone decides: a run that goes on finds them."""
    rows: list[Row] = []
    number = characters = 0
    for row in source.rows():
        rows.append(row)
        characters += row.characters
        if len(rows) == CHUNK_ROWS or characters >= CHUNK_CHARACTERS:
            yield Chunk(number, tuple(rows), source.share)
            rows, characters, number = [], 0, number + 1
    if rows:
        yield Chunk(number, tuple(rows), 1.0)


def make_row(number: int, identity: Any, text: Any, text_pair: Any) -> Row:
    """Return a row with what is wrong with its texts; an empty pair is none."""
    fault = _fault("text", text)
    if not fault and text_pair:
        fault = _fault("text_pair", text_pair)
    if fault:
        return Row(number, _readable(identity), "", None, fault)
    return Row(number, _readable(identity), text, text_pair or None)


def _fault(name: str, text: Any) -> str:
    if text is None or text == "":
        return f"the {name} is empty; fill it, or leave the row out"
    if not isinstance(text, str):
        return f"the {name} is of type {type(text).__name__}; make it a string"
    if "\0" in text:
        return f"the {name} has a NUL character at position {text.index(chr(0))}"
    if (at := _unreadable(text)) is not None:
        return (
            f"the {name} has bytes at position {at} that are no text in this encoding; give the "
            "file's --encoding, or mend them"
        )
    return ""


def _unreadable(text: str) -> int | None:
    """Return where a text holds half a surrogate pair: such stand for what could not be decoded."""
    if text.isascii():
        return None
    try:
        text.encode()
    except UnicodeEncodeError as exc:
        return exc.start
    return None


def _readable(identity: Any) -> Any:
    """Return an id that can be written, whatever its bytes were."""
    if isinstance(identity, str) and not identity.isascii():
        return identity.encode(errors="replace").decode()
    return identity


def check_columns(wanted: Iterable[str], found: list[str]) -> str:
    """Return what is wrong with a header; empty if every wanted column is there once."""
    for name in wanted:
        if name not in found:
            there = ", ".join(found)[:300]
            return (
                f"there is no column {name!r}; there are {there}: name it by --text-column, "
                "--text-pair-column or --id-column"
            )
        if found.count(name) > 1:
            return f"the column {name!r} occurs {found.count(name)} times; keep one"
    return ""
