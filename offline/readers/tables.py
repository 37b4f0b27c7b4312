"""Reader of tables: CSV and TSV under a header line, with the separator that the header shows."""

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from offline.errors import DataError
from offline.readers.examples import RawRow
from offline.readers.lines import Place, read_text

SEPARATORS = (",", ";", "\t")


def read_table(path: Path, columns: Sequence[str]) -> Iterator[RawRow]:
    """Yield every row as an object, or its fault; raise DataError for what is no table.

    Args:
        columns: the names that make a line the header; the first must be there.
    """
    text = read_text(path)
    separator = _find_separator(text, columns)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    header: list[str] | None = None
    start = 1
    try:
        for cells in reader:
            line, start = start, reader.line_num + 1
            if not cells:
                continue
            if header is None:
                header = [cell.strip() for cell in cells]
                _check_header(header, columns, Place(path, line))
                continue
            yield _row(header, cells, Place(path, line))
    except csv.Error as exc:
        raise DataError(f"not a valid table ({exc})", file=path, line=reader.line_num) from exc


def _find_separator(text: str, columns: Sequence[str]) -> str:
    """Return the separator that splits the first line into the most expected names, then cells."""
    first = next(line for line in text.splitlines() if line.strip())

    def fit(separator: str) -> tuple[int, int]:
        cells = next(csv.reader([first], delimiter=separator))
        return sum(cell.strip() in columns for cell in cells), len(cells)

    return max(SEPARATORS, key=fit)


def _check_header(header: list[str], columns: Sequence[str], at: Place) -> None:
    for name in columns:
        if header.count(name) > 1:
            raise at.error(f"the column occurs {header.count(name)} times; keep one", name)
    if columns[0] not in header:
        found = ", ".join(header)
        raise at.error(
            f"the column is missing among {found}; expected {', '.join(columns)}", "text"
        )


def _row(header: list[str], cells: list[str], at: Place) -> RawRow:
    if len(cells) != len(header):
        return at.error(
            f"{len(cells)} cells under {len(header)} columns; quote texts that hold the separator",
            min(len(cells), len(header)) + 1,
        )
    return at, dict(zip(header, cells, strict=True))
