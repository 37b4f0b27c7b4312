"""Reader of JSON: one object a line, or an array of objects."""

import json
from collections.abc import Iterator

from offline.readers.examples import RawRow
from offline.readers.layout import DataFile
from offline.readers.lines import Place

# What a file ending in .json may hold instead of one object a line.
_ARRAY = "["


def read_json_lines(file: DataFile) -> Iterator[RawRow]:
    """Yield the object of every line that is not blank, or the fault of the line."""
    for number, line in enumerate(file.read_text().split("\n"), start=1):
        if line.strip():
            yield _parse(file.place(number), line)


def read_json(file: DataFile) -> Iterator[RawRow]:
    """Yield the objects of an array, each at its number; without an array, those of the lines."""
    text = file.read_text()
    if not text.lstrip().startswith(_ARRAY):
        yield from read_json_lines(file)
        return
    try:
        rows = json.loads(text)
    except (ValueError, RecursionError) as exc:
        yield file.place(getattr(exc, "lineno", 1)).error(f"not JSON that can be read ({exc})")
        return
    for number, row in enumerate(rows, start=1):
        yield _object(file.place(number), row)


def _parse(at: Place, line: str) -> RawRow:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as exc:
        return at.error(f"not JSON ({exc.msg}); write one object a line", exc.colno)
    except (ValueError, RecursionError) as exc:  # a number of 5,000 digits, 10,000 brackets
        return at.error(f"not JSON that can be read ({exc}); write one object a line")
    return _object(at, row)


def _object(at: Place, row: object) -> RawRow:
    if not isinstance(row, dict):
        return at.error(f"{type(row).__name__} instead of an object; write one object a line")
    return at, row
