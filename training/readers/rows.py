"""Readers of labelled texts: CSV, TSV and JSON lines with text, label and optionally text_pair."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from training.errors import DataError
from training.readers.examples import TextExample
from training.readers.lines import Place, read_json_lines, read_text

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
    for at, row in read_json_lines(path):
        _check_columns(list(row), at)
        label = row["label"]
        if multi_label is None:
            multi_label = isinstance(label, list)
        if isinstance(label, list) is not multi_label:
            problem = f"{label!r} mixes one label with lists of labels; use one form in all rows"
            raise at.error(problem, "label")
        labels = _labels(label, at) if multi_label else _label(label, at)
        yield TextExample(_text(row["text"], at, "text"), labels, _pair(row, at), at.line)


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
                _check_columns(header, Place(path, line))
                continue
            yield _table_row(header, cells, Place(path, line))
    except csv.Error as exc:
        raise DataError(f"not a valid table ({exc})", file=path, line=reader.line_num) from exc


def _table_row(header: list[str], cells: list[str], at: Place) -> TextExample:
    if len(cells) != len(header):
        raise at.error(
            f"{len(cells)} cells under {len(header)} columns; quote texts that hold the separator",
            min(len(cells), len(header)) + 1,
        )
    row = dict(zip(header, cells, strict=True))
    text, label = _text(row["text"], at, "text"), _label(row["label"], at)
    return TextExample(text, label, _pair(row, at), at.line)


def _check_columns(names: list[str], at: Place) -> None:
    for name in names:
        if name not in COLUMNS:
            raise at.error(f"unknown column; {_EXPECTED}", name)
        if names.count(name) > 1:
            raise at.error(f"the column occurs {names.count(name)} times; keep one", name)
    for name in _REQUIRED:
        if name not in names:
            raise at.error(f"the column is missing; {_EXPECTED}", name)


def _text(value: Any, at: Place, column: str) -> str:
    if not isinstance(value, str) or not value.strip():
        problem = f"{value!r} is not a text with at least one character; fill it in or drop the row"
        raise at.error(problem, column)
    return value.strip()


def _pair(row: dict[str, Any], at: Place) -> str | None:
    return _text(row["text_pair"], at, "text_pair") if "text_pair" in row else None


def _label(value: Any, at: Place) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value.strip():
        problem = f"{value!r} is not a label; give every row a word or a whole number"
        raise at.error(problem, "label")
    return value.strip()


def _labels(values: list[Any], at: Place) -> tuple[str, ...]:
    labels = [_label(value, at) for value in values]
    for label in labels:
        if labels.count(label) > 1:
            raise at.error(f"{label!r} is listed more than once; list each label once", "label")
    return tuple(sorted(labels))
