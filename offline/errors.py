"""The errors of the offline programs that their one-line message explains completely.

OfflineError   exit code 2
└── DataError  a file, or rows of it, cannot be used
    └── SpanError  an entity of a row is not where one can be
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

# A message names at most this many lines of a file.
SHOWN_LINES = 20


class OfflineError(Exception):
    """A failure that its one-line message explains: what was found, what would work."""

    exit_code = 2


class DataError(OfflineError):
    """Data that cannot be used; the message names the place."""

    def __init__(
        self, problem: str, *, file: Path, line: int | None = None, column: str | int | None = None
    ) -> None:
        place = [str(file)]
        if line is not None:
            place.append(f"line {line}")
        if column is not None:
            place.append(_name(column))
        super().__init__(f"{', '.join(place)}: {problem}")
        self.problem = problem
        self.file = file
        self.line = line
        self.column = column


class SpanError(DataError):
    """An entity that lies outside its text, cuts a word, or overlaps another."""


def join_errors(errors: Sequence[DataError], ignored: Sequence[str] = ()) -> DataError:
    """Return one error that names all rows of a file, column by column, each with its first fault.

    Args:
        errors: at least one; all of one file.
        ignored: columns that nothing reads; perhaps one of them is meant.
    """
    unread = f"; columns that are not read: {', '.join(ignored)}" if ignored else ""
    first = errors[0]
    if len(errors) == 1:
        return DataError(
            first.problem + unread, file=first.file, line=first.line, column=first.column
        )
    return DataError(
        f"{len(errors)} rows cannot be used: {describe_rows(errors)}{unread}", file=first.file
    )


def describe_rows(errors: Sequence[DataError]) -> str:
    """Name the rows of a file by column, each column with its first fault."""
    by_column: dict[str, list[DataError]] = {}
    for error in errors:
        # A place inside a row, such as the byte of a fault in its JSON, differs from row to row.
        name = _name(error.column) if isinstance(error.column, str) else "the row"
        by_column.setdefault(name, []).append(error)
    return "; ".join(
        f"{name} in {show_lines(error.line for error in found)} ({found[0].problem})"
        for name, found in by_column.items()
    )


def _name(column: str | int) -> str:
    return f"column {column!r}" if isinstance(column, str) else f"column {column}"


def show_lines(lines: Iterable[int | None]) -> str:
    """Name lines by their numbers, and count those beyond a few."""
    numbers = [str(line) for line in lines if line is not None]
    word = "line" if len(numbers) == 1 else "lines"
    more = len(numbers) - SHOWN_LINES
    shown = ", ".join(numbers[:SHOWN_LINES])
    return f"{word} {shown} and {more} more" if more > 0 else f"{word} {shown}"
