"""Reader of JSON lines: one object a line."""

import json
from collections.abc import Iterator
from pathlib import Path

from offline.readers.examples import RawRow
from offline.readers.lines import Place, read_text


def read_json_lines(path: Path) -> Iterator[RawRow]:
    """Yield the object of every line that is not blank, or the fault of the line."""
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if line.strip():
            yield _parse(Place(path, number), line)


def _parse(at: Place, line: str) -> RawRow:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as exc:
        return at.error(f"not JSON ({exc.msg}); write one object a line", exc.colno)
    except (ValueError, RecursionError) as exc:  # a number of 5,000 digits, 10,000 brackets
        return at.error(f"not JSON that can be read ({exc}); write one object a line")
    if not isinstance(row, dict):
        return at.error(f"{type(row).__name__} instead of an object; write one object a line")
    return at, row
