"""Reads CSV and TSV under a header line, with the separator that the header shows."""

import csv
from collections.abc import Iterator
from typing import TextIO

from score.errors import ScoreError
from score.readers.rows import Row, check_columns, make_row
from score.readers.text_file import TextReader

SEPARATORS = (",", ";", "\t")
# A quote that is never closed would take the rest of the file for one cell.
LONGEST_CELL = 10_000_000


class Table(TextReader):
    """A table whose columns have names."""

    def rows(self) -> Iterator[Row]:
        csv.field_size_limit(LONGEST_CELL)
        with self._file.open() as stream:
            first = _first_line(stream)
            names = self._columns.names
            separator = max(SEPARATORS, key=lambda one: _fit(first, one, names))
            header = [cell.strip() for cell in next(csv.reader([first], delimiter=separator), [])]
            if problem := check_columns(names, header):
                raise ScoreError(f"{self._file.path}: {problem}")
            reader = csv.reader(stream, delimiter=separator)
            try:
                yield from self._read(reader, header)
            except csv.Error as exc:
                raise ScoreError(
                    f"{self._file.path}, line {reader.line_num + 1}: {exc}; see that every quote "
                    "before it is closed"
                ) from exc

    def _read(self, reader: Iterator[list[str]], header: list[str]) -> Iterator[Row]:
        columns = self._columns
        text, pair, identity = (
            None if name is None else header.index(name)
            for name in (columns.text, columns.text_pair, columns.id)
        )
        assert text is not None  # it always has a name
        filled = (cells for cells in reader if cells)  # an empty line is no row
        for number, cells in enumerate(filled):
            if len(cells) != len(header):
                fault = (
                    f"{len(cells)} cells under {len(header)} columns; quote texts that hold the "
                    "separator"
                )
                yield Row(number, None, "", None, fault)
                continue
            yield make_row(
                number,
                None if identity is None else cells[identity],
                cells[text],
                None if pair is None else cells[pair],
            )


def _first_line(stream: TextIO) -> str:
    return next((line for line in iter(stream.readline, "") if line.strip()), "")


def _fit(first: str, separator: str, names: list[str]) -> tuple[int, int]:
    """Tell how many wanted names, and how many cells, a separator finds in the header."""
    cells = next(csv.reader([first], delimiter=separator), [])
    return sum(cell.strip() in names for cell in cells), len(cells)
