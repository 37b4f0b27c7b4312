"""Text files as lines, with the place of every byte that is not UTF-8."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.errors import DataError


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a data file."""

    file: Path
    line: int

    def error(self, problem: str, column: str | int | None = None) -> DataError:
        """Return the error of a problem on this line."""
        return DataError(problem, file=self.file, line=self.line, column=column)


def read_text(path: Path) -> str:
    """Return a whole file; raise DataError if it is missing, empty or not UTF-8."""
    try:
        raw = path.read_bytes()
    except OSError as exc:
        raise DataError(f"cannot be read: {exc.strerror}", file=path) from exc
    if not raw.strip():
        raise DataError("the file is empty; it needs at least two labelled rows", file=path)
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        before = raw[: exc.start]
        raise DataError(
            f"byte 0x{raw[exc.start]:02x} is not UTF-8; save the file as UTF-8",
            file=path,
            line=before.count(b"\n") + 1,
            column=exc.start - before.rfind(b"\n"),
        ) from exc


def read_json_lines(path: Path) -> Iterator[tuple[Place, dict[str, Any]]]:
    """Yield place and object of every line that is not blank."""
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        at = Place(path, number)
        try:
            row = json.loads(line)
        except json.JSONDecodeError as exc:
            raise at.error(f"not JSON ({exc.msg}); write one object a line", exc.colno) from exc
        if not isinstance(row, dict):
            raise at.error(f"{type(row).__name__} instead of an object; write one object a line")
        yield at, row
