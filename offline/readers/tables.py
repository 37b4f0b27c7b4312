"""Reader of tables: CSV and TSV under a header line, with the separator that the header shows."""

import csv
import io
import sys
from collections.abc import Collection, Iterator

from offline.errors import DataError
from offline.readers.examples import RawRow
from offline.readers.layout import DataFile
from offline.readers.lines import Place

SEPARATORS = (",", ";", "\t")
# What spreadsheets write before the header, to tell one another the separator.
_HINT = "sep="


def read_table(file: DataFile) -> Iterator[RawRow]:
    """Yield every row as an object, or its fault; raise DataError for what is no table.

    Rows without a single character, which spreadsheets leave behind, are none.
    """
    text = file.read_text()
    # Documents are longer than the 131,072 characters that Python takes for an error.
    csv.field_size_limit(sys.maxsize)
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=_find_separator(text, file.columns.values()),
        strict=True,
    )
    header: list[str] | None = None
    start = 1
    try:
        for cells in reader:
            line, start = start, reader.line_num + 1
            if not any(cell.strip() for cell in cells) or (line == 1 and _is_hint(cells)):
                continue
            if header is None:
                header = [cell.strip() for cell in cells]
                file.check_header(header, line)
                continue
            yield _row(header, cells, file.place(line))
    except csv.Error as exc:
        raise DataError(f"not a valid table ({exc})", file=file.path, line=reader.line_num) from exc


def _is_hint(cells: list[str]) -> bool:
    return cells[0].startswith(_HINT) and len(cells) <= 2


def _find_separator(text: str, columns: Collection[str]) -> str:
    """Return the separator that splits the header into the most expected names, then cells."""
    lines = (line for line in text.splitlines() if line.strip() and not line.startswith(_HINT))
    header = next(lines, "")

    def fit(separator: str) -> tuple[int, int]:
        cells = next(csv.reader([header], delimiter=separator), [])
        return sum(cell.strip() in columns for cell in cells), len(cells)

    return max(SEPARATORS, key=fit)


def _row(header: list[str], cells: list[str], at: Place) -> RawRow:
    if len(cells) != len(header):
        return at.error(
            f"{len(cells)} cells under {len(header)} columns; quote texts that hold the separator",
            min(len(cells), len(header)) + 1,
        )
    return at, dict(zip(header, cells, strict=True))
