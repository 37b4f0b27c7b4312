"""Shows how far a run is: a bar on a terminal, else a line now and then."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

LINE_SECONDS = 30.0


class ScoreProgress:
    """Counts the rows of this run on standard error."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._bar = Progress(
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[told]}"),
            TextColumn("left:"),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
            transient=True,
        )
        self._task = self._bar.add_task("", total=1.0, told="")
        self._started = self._told = time.monotonic()
        self._rows = self._errors = 0

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def skip(self, rows: int, share: float) -> None:
        """Note rows that an earlier run has answered."""
        self._started = time.monotonic()
        self._bar.update(self._task, completed=share, told="found parts of an earlier run")

    def advance(self, rows: int, errors: int, share: float) -> None:
        """Note rows that were answered, and the share of the input that they end."""
        self._rows += rows
        self._errors += errors
        self._bar.update(self._task, completed=share, told=self._told_rows())
        now = time.monotonic()
        if self._bar.disable and now - self._told >= LINE_SECONDS:
            self._told = now
            self._say(f"{share:.0%} of the input, {self._told_rows()}")

    def end(self) -> None:
        self._bar.stop()
        self._say(f"answered {self._told_rows()}")

    def _told_rows(self) -> str:
        seconds = max(1e-3, time.monotonic() - self._started)
        faults = f", {self._errors} with an error" if self._errors else ""
        return f"{self._rows} rows{faults}, {self._rows / seconds:.0f} texts/s"

    def _say(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)
