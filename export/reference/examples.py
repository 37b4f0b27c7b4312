"""Read labelled examples from an evaluation file: JSON lines, as training writes them."""

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.engine.answers.tags import groups
from app.engine.text.encoding import TextInput
from export.checkpoint.config import ModelConfig
from export.errors import DataError


@dataclass(frozen=True, slots=True)
class Span:
    """An entity: code points start (included) to end (excluded)."""

    start: int
    end: int
    label: str


@dataclass(frozen=True, slots=True)
class Example:
    """An input with its truth: the labels of the text, or the entities in it."""

    source: TextInput
    labels: frozenset[str] = frozenset()
    spans: frozenset[Span] = frozenset()


@dataclass(frozen=True, slots=True)
class _Place:
    """The position of a row, which errors name."""

    file: Path
    line: int

    def wrong(self, problem: str) -> DataError:
        return DataError(self.file, self.line, problem)


def read_examples(file: Path, config: ModelConfig) -> list[Example]:
    """Read an evaluation file; raise DataError with the file and line of a bad row.

    Rows are `{"text", "label"}` (a list of labels where several hold), with an optional
    `text_pair`, or `{"text", "spans": [{"start", "end", "label"}]}` for NER.
    """
    examples = [_example(place, row, config) for place, row in _rows(file)]
    if not examples:
        raise DataError(file, 1, "the file has no rows; give at least one labelled example")
    return examples


def read_inputs(file: Path, config: ModelConfig) -> tuple[list[TextInput], list[Example]]:
    """Read a file whose rows may lack labels; return all inputs, the labelled ones first."""
    truth = "spans" if config.task == "token-classification" else "label"
    unlabelled, examples = [], []
    for place, row in _rows(file):
        if row.get(truth) is None:
            unlabelled.append(_source(place, row))
        else:
            examples.append(_example(place, row, config))
    if not (unlabelled or examples):
        raise DataError(file, 1, "the file has no rows; give at least one text")
    return [example.source for example in examples] + unlabelled, examples


def _example(place: _Place, row: dict[str, Any], config: ModelConfig) -> Example:
    source = _source(place, row)
    if config.task == "token-classification":
        return Example(source, spans=_spans(place, row, _groups(config)))
    many = config.problem_type == "multi_label"
    return Example(source, labels=_labels(place, row, config.labels, many=many))


def _groups(config: ModelConfig) -> set[str]:
    return set(groups(config.tags))


def _rows(file: Path) -> Iterator[tuple[_Place, dict[str, Any]]]:
    try:
        content = file.read_bytes()
    except OSError as exc:
        raise DataError(file, 1, f"cannot be read: {exc.strerror}") from exc
    for number, line in enumerate(content.split(b"\n"), start=1):
        place = _Place(file, number)
        if not line.strip():
            continue
        try:
            row = json.loads(line.decode())
        except UnicodeDecodeError as exc:
            raise place.wrong(f"byte {exc.start + 1} is not UTF-8; save the file as UTF-8") from exc
        except ValueError as exc:
            raise place.wrong(f"not JSON ({exc}); give one object a line") from exc
        if not isinstance(row, dict):
            raise place.wrong(f"{type(row).__name__} found; give one JSON object a line")
        yield place, row


def _source(place: _Place, row: dict[str, Any]) -> TextInput:
    text, pair = row.get("text"), row.get("text_pair")
    if not isinstance(text, str) or not text.strip():
        raise place.wrong(f"text is {text!r}; a text that is not empty is needed")
    if pair is not None and not isinstance(pair, str):
        raise place.wrong(f"text_pair is {pair!r}; give a text or leave it out")
    return TextInput(text, pair)


def _labels(
    place: _Place, row: dict[str, Any], known: Collection[str], *, many: bool
) -> frozenset[str]:
    found = row.get("label")
    if not isinstance(found, list if many else str):
        wanted = "a list of labels" if many else "one label"
        raise place.wrong(f"label is {found!r}; this checkpoint needs {wanted}")
    labels = found if isinstance(found, list) else [found]
    for label in labels:
        _check_label(place, label, known)
    return frozenset(labels)


def _spans(place: _Place, row: dict[str, Any], known: Collection[str]) -> frozenset[Span]:
    raw = row.get("spans")
    if not isinstance(raw, list):
        raise place.wrong(f"spans is {raw!r}; give a list of start, end and label")
    return frozenset(_span(place, item, row["text"], known) for item in raw)


def _span(place: _Place, item: object, text: str, known: Collection[str]) -> Span:
    fields: dict[str, Any] = item if isinstance(item, dict) else {}
    start: Any = fields.get("start")
    end: Any = fields.get("end")
    label: Any = fields.get("label")
    whole = isinstance(start, int) and isinstance(end, int)
    if not (whole and 0 <= start < end <= len(text)):
        raise place.wrong(
            f"span {item!r} does not lie in the text's {len(text)} characters; "
            "0 <= start < end <= characters is needed"
        )
    _check_label(place, label, known)
    return Span(start, end, label)


def _check_label(place: _Place, label: object, known: Collection[str]) -> None:
    if label not in known:
        raise place.wrong(
            f"label {label!r} is not one of the checkpoint's: {', '.join(sorted(known))}"
        )
