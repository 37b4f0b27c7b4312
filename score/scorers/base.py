"""Defines who answers rows, whether in this process or over HTTP."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from app.bundle.base import Task
from score.errors import ScoreError
from score.options import AnswerOptions
from score.readers.rows import Row

# As a result of the API: tokens, windows, truncated, and labels or entities; or an `error`.
Answer = dict[str, Any]
# Waits, and returns an answer for each row; raises RunFailed where none can come.
Answers = Callable[[], list[Answer]]


class Scorer(Protocol):
    """Answers rows in the order in which they were started."""

    @property
    def task(self) -> Task: ...

    @property
    def identity(self) -> dict[str, Any]:
        """What decides the answers besides rows and options: model, version, graph."""
        ...

    def start(self, rows: Sequence[Row]) -> Answers:
        """Begin to answer rows that have no fault."""
        ...

    def close(self) -> None:
        """Give up what was started and not waited for."""
        ...


def check_options(options: AnswerOptions, task: Task, model: str) -> None:
    """Raise ScoreError for an option that the task does not know."""
    if task == "token-classification" and options.top_k is not None:
        raise ScoreError(f"--top-k is for labels, and {model} finds entities; leave it out")
    if task == "sequence-classification" and options.aggregation_strategy is not None:
        raise ScoreError(
            f"--aggregation-strategy is for entities, and {model} gives labels; leave it out"
        )
