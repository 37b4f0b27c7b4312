"""Labelled files: choose the reader by the extension, and read every row before any is refused."""

from collections.abc import Callable, Collection, Iterator
from functools import partial
from pathlib import Path
from typing import TypeVar

from offline.errors import DataError, describe_rows, join_errors
from offline.readers import spans, texts
from offline.readers.conll import read_conll
from offline.readers.datasets import read_dataset
from offline.readers.examples import Example, RawRow, TaskName, Unlabelled
from offline.readers.json_lines import read_json, read_json_lines
from offline.readers.layout import DataFile, Layout, show_names
from offline.readers.lines import Place
from offline.readers.tables import read_table

Read = TypeVar("Read")
Format = Callable[[DataFile], Iterator[RawRow]]
ReadRow = Callable[[Place, dict[str, object]], Example | Unlabelled]

_ANYTHING: dict[str, Format] = {
    ".json": read_json,
    # A file without an extension, such as a pipe, holds JSON lines.
    **dict.fromkeys((".jsonl", ".ndjson", ""), read_json_lines),
    **dict.fromkeys((".parquet", ".arrow"), read_dataset),
}
FORMATS: dict[TaskName, dict[str, Format]] = {
    "sequence-classification": {".csv": read_table, ".tsv": read_table, **_ANYTHING},
    "token-classification": {
        **dict.fromkeys((".conll", ".bio", ".iob", ".tsv", ".txt"), read_conll),
        **_ANYTHING,
    },
}


def read_file(
    path: Path,
    task: TaskName,
    accept: Callable[[Place, Example | Unlabelled], Read],
    notice: Callable[[str], None],
    unread: Collection[str] = (),
    *,
    layout: Layout | None = None,
    required: Collection[str] = ("text",),
) -> tuple[Read, ...]:
    """Read all rows of a file, in its order.

    Args:
        path: a file, or the folder of a data set that the `datasets` library saved.
        accept: turns a row into what the caller needs, or raises DataError.
        notice: is told of columns that nothing reads, and of all else that is left out.
        unread: our names of columns that the caller has no use for, whatever they hold.
        layout: how the file is read; None: with our own names of columns, refusing every fault.
        required: our names of the columns without which the file is of no use.

    Raises:
        DataError: no row can be read, or one error that names all rows that cannot be used.
    """
    layout = layout or Layout()
    columns = {ours: n for ours, n in layout.columns(task).items() if ours not in unread}
    file = DataFile(path, layout, columns, frozenset(required) | layout.named(task), notice)
    raw = list(_format(path, task)(file))
    ignored = _check_columns(file, raw)
    read_row = _row_reader(file, task, raw)
    found: list[Read] = []
    wrong: list[DataError] = []
    for one in raw:
        try:
            if isinstance(one, DataError):
                raise one
            at, row = one
            found.append(accept(at, read_row(at, file.in_our_names(row))))
        except DataError as exc:
            wrong.append(exc)
    _tell(file, wrong, ignored)
    if not found:
        raise DataError("the file holds no rows that can be used; give at least one", file=path)
    return tuple(found)


def _format(path: Path, task: TaskName) -> Format:
    if path.is_dir():
        return read_dataset
    formats = FORMATS[task]
    chosen = formats.get(path.suffix.lower())
    if chosen is None:
        known = ", ".join(filter(None, formats))
        raise DataError(f"unknown extension {path.suffix!r}; {task} reads {known}", file=path)
    return chosen


def _check_columns(file: DataFile, raw: list[RawRow]) -> list[str]:
    """Check the columns of all rows together; return those that nothing reads."""
    names = list(dict.fromkeys(name for one in raw if isinstance(one, tuple) for name in one[1]))
    if names:
        file.check_header(names)
    return [name for name in names if name and name not in file.columns.values()]


def _row_reader(file: DataFile, task: TaskName, raw: list[RawRow]) -> ReadRow:
    """Return what turns a row into an example."""
    if task == "sequence-classification":
        return texts.read_text_row
    text, entities = file.columns["text"], file.columns["spans"]
    rows = [(one[1].get(text), one[1].get(entities)) for one in raw if isinstance(one, tuple)]
    included = spans.ends_are_included(rows)
    if included:
        file.notice(
            f"{file.path}: entities end with their last character here, as {included} of them show "
            "that would cut a word otherwise; ends are read so"
        )
    return partial(spans.read_span_row, end_shift=int(bool(included)))


def _tell(file: DataFile, wrong: list[DataError], ignored: list[str]) -> None:
    """Raise one error for all rows that cannot be used, or tell of them if they may be skipped."""
    refused = [fault for fault in wrong if not file.layout.skips(fault)]
    if refused:
        raise join_errors(refused, tuple(ignored))
    if ignored:
        file.notice(f"{file.path}: columns that are not read: {show_names(ignored)}")
    if wrong:
        file.notice(f"{file.path}: {len(wrong)} rows left out: {describe_rows(wrong)}")
