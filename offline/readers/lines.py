"""Text files as one text, with the place of every byte that their encoding does not know."""

import codecs
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from offline.errors import DataError, show_lines

OnBadBytes = Literal["fail", "replace"]
REPLACEMENT = "\ufffd"


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a data file.

    Attributes:
        names: what the file calls its columns, by our names; those that are missing are ours.
    """

    file: Path
    line: int
    names: Mapping[str, str] = field(default_factory=dict)

    def error(
        self, problem: str, column: str | int | None = None, kind: type[DataError] = DataError
    ) -> DataError:
        """Return the error of a problem on this line, in the file's own words for a column."""
        if isinstance(column, str):
            first, *rest = column.split(".")
            column = ".".join([self.names.get(first, first), *rest])
        return kind(problem, file=self.file, line=self.line, column=column)


def read_text(
    path: Path,
    encoding: str = "utf-8",
    on_bad_bytes: OnBadBytes = "fail",
    notice: Callable[[str], None] = lambda _: None,
) -> str:
    """Return a whole file, without the mark of its byte order.

    Args:
        encoding: one that Python knows; a file that begins with a mark of UTF-16 is read as such.
        on_bad_bytes: with `replace`, U+FFFD stands where the encoding knows no character.
        notice: is told how many were replaced.

    Raises:
        DataError: the file is missing, empty, or not in this encoding.
    """
    try:
        raw = path.read_bytes()
    except OSError as exc:
        raise DataError(f"cannot be read: {exc.strerror}", file=path) from exc
    if not raw.strip():
        raise DataError("the file is empty; it needs rows", file=path)
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    try:
        return raw.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as exc:
        text = raw.decode(encoding, "replace").removeprefix("\ufeff")
        lines = [n for n, line in enumerate(text.split("\n"), start=1) if REPLACEMENT in line]
        if on_bad_bytes == "fail":
            raise _undecodable(path, raw, exc, lines) from exc
        notice(
            f"{path}: what is not {_show(encoding)} was replaced by U+FFFD "
            f"in {len(lines)} of {text.count(chr(10)) + 1} lines: {show_lines(lines)}"
        )
        return text


def _undecodable(path: Path, raw: bytes, exc: UnicodeDecodeError, lines: list[int]) -> DataError:
    before = raw[: exc.start]
    line = before.count(b"\n") + 1
    more = f"; {len(lines)} lines have such bytes ({show_lines(lines)})" if len(lines) > 1 else ""
    remedy = "name the file's encoding (--encoding cp1252, gb18030, ...), or, if only some bytes "
    remedy += "are broken, put U+FFFD in their place (--on-bad-bytes replace)"
    return DataError(
        f"byte 0x{raw[exc.start]:02x} is not {_show(exc.encoding)}{more}; {remedy}",
        file=path,
        line=line,
        column=exc.start - before.rfind(b"\n"),
    )


def _show(encoding: str) -> str:
    return "UTF-8" if codecs.lookup(encoding).name == "utf-8" else encoding
