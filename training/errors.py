"""The tree of errors that training raises.

TrainingError
├── DataError     a file, line or column of the data cannot be used
└── SettingError  an option has a value that makes no sense
"""

from pathlib import Path


class TrainingError(Exception):
    """A failure that its one-line message explains completely."""


class DataError(TrainingError):
    """Data that cannot be used; the message names the place."""

    def __init__(
        self, problem: str, *, file: Path, line: int | None = None, column: str | int | None = None
    ) -> None:
        place = [str(file)]
        if line is not None:
            place.append(f"line {line}")
        if column is not None:
            place.append(f"column {column!r}" if isinstance(column, str) else f"column {column}")
        super().__init__(f"{', '.join(place)}: {problem}")
        self.file = file
        self.line = line
        self.column = column


class SettingError(TrainingError):
    """An option whose value is out of its limits."""
