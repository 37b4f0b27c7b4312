"""Text files as lines, with the place of every byte that is not UTF-8."""

from dataclasses import dataclass
from pathlib import Path

from offline.errors import DataError


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
        raise DataError("the file is empty; it needs rows", file=path)
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
