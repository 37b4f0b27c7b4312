"""Show the progress of a run: one line a step with its seconds, live on a terminal."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.status import Status


class Progress:
    """Shows the step that runs, then its outcome and its seconds."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._outcome = ""
        self._status: Status | None = None
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Time a step; its line ends with the outcome that `found` was given."""
        self._outcome = ""
        started = time.perf_counter()
        if self._console.is_terminal:
            with self._console.status(title) as self._status:
                yield
            self._status = None
        else:
            yield
        seconds = self.seconds[title] = time.perf_counter() - started
        outcome = f": {self._outcome}" if self._outcome else ""
        self.line(f"{seconds:6.1f} s  {title}{outcome}")

    def found(self, outcome: str) -> None:
        """Set the outcome of the running step; it is shown when the step ends."""
        self._outcome = outcome

    def now(self, doing: str) -> None:
        """Show what a long step is doing; only on a terminal, where it is overwritten."""
        if self._status is not None:
            self._status.update(doing)

    def line(self, text: str) -> None:
        """Write one line that is never wrapped, coloured or read as markup."""
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)
