"""Define how a file is read: names of its columns, encoding, what becomes of its faults."""

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from offline.errors import DataError, SpanError
from offline.readers.examples import TaskName
from offline.readers.lines import OnBadBytes, Place, read_text

OnBadRow = Literal["fail", "skip"]
OnBadSpan = Literal["fail", "snap", "skip"]
# A message names at most this many columns of a file.
SHOWN_COLUMNS = 20
_FLAGS = {"text": "--text-column", "text_pair": "--text-pair-column"}


@dataclass(frozen=True, slots=True)
class Layout:
    """What files call their columns, and what becomes of their faults; the defaults are our own.

    Attributes:
        text, label, text_pair: names of columns; None for ours, where the file has them.
        on_bad_span: of spans that no tags can say, in training.
    """

    text: str | None = None
    label: str | None = None
    text_pair: str | None = None
    encoding: str = "utf-8"
    on_bad_bytes: OnBadBytes = "fail"
    on_bad_row: OnBadRow = "fail"
    on_bad_span: OnBadSpan = "fail"

    def columns(self, task: TaskName) -> dict[str, str]:
        """Return the columns that a task reads: our name to the file's."""
        names = {"text": self.text or "text"}
        if task == "token-classification":
            return names | {"spans": self.label or "spans"}
        return names | {
            "label": self.label or "label",
            "text_pair": self.text_pair or "text_pair",
        }

    def named(self, task: TaskName) -> set[str]:
        """Return our names of the columns that somebody named: a file must have them."""
        label = "spans" if task == "token-classification" else "label"
        given = {"text": self.text, label: self.label, "text_pair": self.text_pair}
        return {name for name, theirs in given.items() if theirs is not None}

    def skips(self, fault: DataError) -> bool:
        """Tell whether the row of a fault is left out instead of refused."""
        of_span = isinstance(fault, SpanError) and self.on_bad_span == "skip"
        return self.on_bad_row == "skip" or of_span


@dataclass(frozen=True, slots=True)
class DataFile:
    """A file, or the folder of a data set, and how it is read.

    Attributes:
        columns: what the file calls our columns, by our names.
        required: our names of those that must be there.
        notice: is told what a reader left out, replaced or found by itself.
    """

    path: Path
    layout: Layout
    columns: Mapping[str, str]
    required: Set[str]
    notice: Callable[[str], None]

    def read_text(self) -> str:
        """Return the text of the file, as `lines.read_text` does."""
        layout = self.layout
        return read_text(self.path, layout.encoding, layout.on_bad_bytes, self.notice)

    def place(self, line: int) -> Place:
        """Return a line, or the row of a data set."""
        return Place(self.path, line, self.columns)

    def in_our_names(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a row has in the columns that are read, by our names."""
        return {ours: row[name] for ours, name in self.columns.items() if name in row}

    def check_header(self, found: Sequence[str], line: int | None = None) -> None:
        """Raise one DataError for everything that is wrong with the names of the columns.

        Args:
            found: the names, a repeated one as often as it stands there.
        """
        theirs = self.columns
        lacking = [ours for ours in theirs if ours in self.required and theirs[ours] not in found]
        problems = [f"there is no column {theirs[ours]!r}" for ours in lacking]
        for name in theirs.values():
            if found.count(name) > 1:
                problems.append(f"the column {name!r} occurs {found.count(name)} times; keep one")
        if not problems:
            return
        flags = " and ".join(f"{_FLAGS.get(ours, '--label-column')} NAME" for ours in lacking)
        remedy = f"; say with {flags} which it is" if flags else ""
        problem = f"{', '.join(problems)}{remedy}; the columns are {show_names(found)}"
        raise DataError(problem, file=self.path, line=line)


def show_names(names: Sequence[str]) -> str:
    """Name columns, and count those beyond a few."""
    more = len(names) - SHOWN_COLUMNS
    shown = ", ".join(names[:SHOWN_COLUMNS])
    return f"{shown} and {more} more" if more > 0 else shown
