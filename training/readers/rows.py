"""Readers of labelled texts: CSV, TSV and JSON lines with text, label and optionally text_pair."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from training.errors import DataError
from training.readers.examples import TextExample
from training.readers.lines import read_json_lines, read_text

COLUMNS = ("text", "label", "text_pair")
_REQUIRED = ("text", "label")
_EXPECTED = "expected text, label and optionally text_pair"


def read_csv(path: Path) -> Iterator[TextExample]:
    """Read comma-separated rows under a header line."""
    return _read_table(path, delimiter=",")


def read_tsv(path: Path) -> Iterator[TextExample]:
    """Read tab-separated rows under a header line."""
    return _read_table(path, delimiter="\t")


def read_jsonl(path: Path) -> Iterator[TextExample]:
    """Read objects of text, label (one, or a list of them) and optionally text_pair."""
    multi_label: bool | None = None
    for line, row in read_json_lines(path):
        _check_columns(list(row), path, line)
        label = row["label"]
        if multi_label is None:
            multi_label = isinstance(label, list)
        if isinstance(label, list) is not multi_label:
            raise DataError(
                f"{label!r} mixes one label with lists of labels; use one form in all rows",
                file=path,
                line=line,
                column="label",
            )
        yield TextExample(
            text=_text(row["text"], path, line, "text"),
            label=_labels(label, path, line) if multi_label else _label(label, path, line),
            text_pair=_pair(row, path, line),
            line=line,
        )


def _read_table(path: Path, delimiter: str) -> Iterator[TextExample]:
    reader = csv.reader(io.StringIO(read_text(path), newline=""), delimiter=delimiter, strict=True)
    header: list[str] | None = None
    start = 1
    try:
        for cells in reader:
            line, start = start, reader.line_num + 1
            if not cells:
                continue
            if header is None:
                header = [cell.strip() for cell in cells]
                _check_columns(header, path, line)
                continue
            yield _table_row(header, cells, path, line)
    except csv.Error as exc:
        raise DataError(f"not a valid table ({exc})", file=path, line=reader.line_num) from exc


def _table_row(header: list[str], cells: list[str], path: Path, line: int) -> TextExample:
    if len(cells) != len(header):
        raise DataError(
            f"{len(cells)} cells under {len(header)} columns; quote texts that hold the separator",
            file=path,
            line=line,
            column=min(len(cells), len(header)) + 1,
        )
    row = dict(zip(header, cells, strict=True))
    return TextExample(
        text=_text(row["text"], path, line, "text"),
        label=_label(row["label"], path, line),
        text_pair=_pair(row, path, line),
        line=line,
    )


def _check_columns(names: list[str], path: Path, line: int) -> None:
    for name in names:
        if name not in COLUMNS:
            raise DataError(f"unknown column; {_EXPECTED}", file=path, line=line, column=name)
        if names.count(name) > 1:
            raise DataError(
                f"the column occurs {names.count(name)} times; keep one",
                file=path,
                line=line,
                column=name,
            )
    for name in _REQUIRED:
        if name not in names:
            raise DataError(
                f"the column is missing; {_EXPECTED}", file=path, line=line, column=name
            )


def _text(value: Any, path: Path, line: int, column: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise DataError(
            f"{value!r} is not a text with at least one character; fill it in or drop the row",
            file=path,
            line=line,
            column=column,
        )
    return value.strip()


def _pair(row: dict[str, Any], path: Path, line: int) -> str | None:
    if "text_pair" not in row:
        return None
    return _text(row["text_pair"], path, line, "text_pair")


def _label(value: Any, path: Path, line: int) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value.strip():
        raise DataError(
            f"{value!r} is not a label; give every row a word or a whole number",
            file=path,
            line=line,
            column="label",
        )
    return value.strip()


def _labels(values: list[Any], path: Path, line: int) -> tuple[str, ...]:
    labels = [_label(value, path, line) for value in values]
    for label in labels:
        if labels.count(label) > 1:
            raise DataError(
                f"{label!r} is listed more than once; list each label once",
                file=path,
                line=line,
                column="label",
            )
    return tuple(sorted(labels))
