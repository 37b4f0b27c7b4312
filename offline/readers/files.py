"""Labelled files: choose the reader by the extension, and read every row before any is refused."""

from collections.abc import Callable, Collection, Iterator
from functools import partial
from pathlib import Path
from typing import TypeVar

from offline.errors import DataError, join_errors
from offline.readers import spans, texts
from offline.readers.conll import read_conll
from offline.readers.examples import Example, RawRow, TaskName, Unlabelled
from offline.readers.json_lines import read_json_lines
from offline.readers.lines import Place
from offline.readers.tables import read_table

Read = TypeVar("Read")
Format = Callable[[Path], Iterator[RawRow]]

_TABLE: Format = partial(read_table, columns=texts.COLUMNS)
# A file without an extension, such as a pipe, holds JSON lines.
_JSON = dict.fromkeys((".jsonl", ".ndjson", ".json", ""), read_json_lines)
FORMATS: dict[TaskName, dict[str, Format]] = {
    "sequence-classification": {".csv": _TABLE, ".tsv": _TABLE, **_JSON},
    "token-classification": {
        **dict.fromkeys((".conll", ".bio", ".iob", ".tsv", ".txt"), read_conll),
        **_JSON,
    },
}
COLUMNS = {"sequence-classification": texts.COLUMNS, "token-classification": spans.COLUMNS}


def read_file(
    path: Path,
    task: TaskName,
    accept: Callable[[Place, Example | Unlabelled], Read],
    notice: Callable[[str], None],
    unread: Collection[str] = (),
) -> tuple[Read, ...]:
    """Read all rows of a file, in its order.

    Args:
        accept: turns a row into what the caller needs, or raises DataError.
        notice: is told of columns that nothing reads.
        unread: columns that the caller has no use for, whatever they hold.

    Raises:
        DataError: no row can be read, or one error that names all rows that cannot be used.
    """
    found: list[Read] = []
    wrong: list[DataError] = []
    ignored: dict[str, None] = {}
    read_row = texts.read_text_row if task == "sequence-classification" else spans.read_span_row
    for raw in _format(path, task)(path):
        try:
            if isinstance(raw, DataError):
                raise raw
            at, row = raw
            row = {name: value for name, value in row.items() if name not in unread}
            ignored |= dict.fromkeys(name for name in row if name not in COLUMNS[task])
            found.append(accept(at, read_row(at, row)))
        except DataError as exc:
            wrong.append(exc)
    if wrong:
        raise join_errors(wrong, tuple(ignored))
    if not found:
        raise DataError("the file holds no rows; give at least one", file=path)
    if ignored:
        notice(f"{path}: columns that are not read: {', '.join(ignored)}")
    return tuple(found)


def _format(path: Path, task: TaskName) -> Format:
    formats = FORMATS[task]
    chosen = formats.get(path.suffix.lower())
    if chosen is None:
        known = ", ".join(filter(None, formats))
        raise DataError(f"unknown extension {path.suffix!r}; {task} reads {known}", file=path)
    return chosen
