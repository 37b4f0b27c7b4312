"""Everything that training refuses, as one tree.

TrainingError
├── DataError     a file, line or column of the data cannot be used
├── SettingError  an option has a value that makes no sense
└── DemoError     a demo package or a demo checkpoint is not what it must be
"""

from pathlib import Path


class TrainingError(Exception):
    """A failure that its one-line message explains completely."""


class DataError(TrainingError):
    """Data that cannot be used, with the place where it stands."""

    def __init__(
        self,
        problem: str,
        *,
        file: Path,
        line: int | None = None,
        column: str | int | None = None,
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


class DemoError(TrainingError):
    """A demo package, score or check that is not what it must be."""
