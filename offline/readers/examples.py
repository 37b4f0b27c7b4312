"""Examples, which readers produce, and training and export consume."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from offline.errors import DataError
from offline.readers.lines import Place

TaskName = Literal["sequence-classification", "token-classification"]
TASKS: tuple[TaskName, ...] = ("sequence-classification", "token-classification")


def normalise(text: str) -> str:
    """Fold case and white space: to an uncased encoder such texts are the same."""
    return " ".join(text.casefold().split())


@dataclass(frozen=True, slots=True)
class Span:
    """An entity: characters start (included) to end (excluded), in Unicode code points."""

    start: int
    end: int
    label: str


@dataclass(frozen=True, slots=True)
class TextExample:
    """A text or a pair with its label; a tuple of labels makes it multi-label."""

    text: str
    label: str | tuple[str, ...]
    text_pair: str | None = None
    line: int = 0

    @property
    def key(self) -> tuple[str, str]:
        return normalise(self.text), normalise(self.text_pair or "")

    @property
    def labels(self) -> tuple[str, ...]:
        return (self.label,) if isinstance(self.label, str) else self.label

    @property
    def target(self) -> object:
        return frozenset(self.labels)

    def as_row(self) -> dict[str, Any]:
        """Return the row as `eval.jsonl` holds it."""
        row: dict[str, Any] = {"text": self.text}
        if self.text_pair is not None:
            row["text_pair"] = self.text_pair
        row["label"] = self.label if isinstance(self.label, str) else list(self.label)
        return row


@dataclass(frozen=True, slots=True)
class TaggedExample:
    """A text with its entities, sorted by their start."""

    text: str
    spans: tuple[Span, ...]
    line: int = 0

    @property
    def key(self) -> tuple[str, str]:
        return normalise(self.text), ""

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(span.label for span in self.spans)

    @property
    def target(self) -> object:
        return tuple((self.text[span.start : span.end], span.label) for span in self.spans)

    def as_row(self) -> dict[str, Any]:
        """Return the row as `eval.jsonl` holds it."""
        spans = [{"start": s.start, "end": s.end, "label": s.label} for s in self.spans]
        return {"text": self.text, "spans": spans}


@dataclass(frozen=True, slots=True)
class Unlabelled:
    """A text or a pair whose row has no truth."""

    text: str
    text_pair: str | None = None
    line: int = 0


Example = TextExample | TaggedExample
# A row as its file holds it, by column, or why it cannot be read.
RawRow = tuple[Place, dict[str, Any]] | DataError


@dataclass(frozen=True, slots=True)
class Corpus:
    """The examples of one file, in its order; `names`: what it calls our columns."""

    file: Path
    examples: tuple[Example, ...]
    names: Mapping[str, str] = field(default_factory=dict)

    @property
    def labels(self) -> list[str]:
        return sorted({label for example in self.examples for label in example.labels})

    @property
    def is_multi_label(self) -> bool:
        first = self.examples[0]
        return isinstance(first, TextExample) and not isinstance(first.label, str)

    def place(self, example: Example) -> Place:
        """Return where an example stands."""
        return Place(self.file, example.line, self.names)
