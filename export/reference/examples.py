"""Read labelled examples for a checkpoint, from any file that training reads."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from app.engine.answers.tags import groups
from app.engine.text.encoding import TextInput
from export.checkpoint.config import ModelConfig
from offline.readers import examples as rows
from offline.readers.examples import Span, TaggedExample, TextExample, Unlabelled
from offline.readers.files import read_file
from offline.readers.layout import Layout
from offline.readers.lines import Place
from offline.readers.values import show

Row = rows.Example | Unlabelled
Notice = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Example:
    """An input with its truth: the labels of the text, or the entities in it."""

    source: TextInput
    labels: frozenset[str] = frozenset()
    spans: frozenset[Span] = frozenset()


def read_examples(
    file: Path, config: ModelConfig, notice: Notice, layout: Layout | None = None
) -> list[Example]:
    """Read an evaluation file whose rows are all labelled, with labels of this checkpoint.

    Where the checkpoint has a single logit, a row with the label [] or null is a negative one. Of a
    regressor's rows only the texts are read.

    Args:
        notice: is told of columns that nothing reads, and of what else is left out.
        layout: how the file is read; None: with our names of columns.

    Raises:
        DataError: names the file and all rows that cannot be used.
    """
    if config.problem_type == "regression":
        return [Example(one) for one in read_inputs(file, config, notice, layout)[0]]
    accept = partial(_example, config)
    return list(read_file(file, config.task, accept, notice, layout=layout))


def read_inputs(
    file: Path, config: ModelConfig, notice: Notice, layout: Layout | None = None
) -> tuple[list[TextInput], list[Example]]:
    """Read a file whose rows may lack labels; return all inputs, the labelled ones first."""

    def accept(at: Place, row: Row) -> TextInput | Example:
        return _source(row) if isinstance(row, Unlabelled) else _example(config, at, row)

    unread = ("label",) if config.problem_type == "regression" else ()
    found = read_file(file, config.task, accept, notice, unread, layout=layout)
    examples = [one for one in found if isinstance(one, Example)]
    unlabelled = [one for one in found if isinstance(one, TextInput)]
    return [example.source for example in examples] + unlabelled, examples


def _source(row: Row) -> TextInput:
    return TextInput(row.text, None if isinstance(row, TaggedExample) else row.text_pair)


def _example(config: ModelConfig, at: Place, row: Row) -> Example:
    source = _source(row)
    if isinstance(row, TaggedExample):
        known = groups(config.tags)
        for span in row.spans:
            _check_label(at, span.label, known)
        return Example(source, spans=frozenset(row.spans))
    return Example(source, labels=_labels(config, at, row))


def _labels(config: ModelConfig, at: Place, row: TextExample | Unlabelled) -> frozenset[str]:
    several = config.problem_type == "multi_label"
    single_logit = len(config.labels) == 1 and not several
    if isinstance(row, Unlabelled):
        if single_logit:
            return frozenset()
        column = "spans" if config.task == "token-classification" else "label"
        raise at.error("the row has no label; fill it in or drop the row", column)
    _check_form(config, at, row.label)
    for label in row.labels:
        _check_label(at, label, config.labels, "; write [] where it does not hold" * single_logit)
    return frozenset(row.labels)


def _check_form(config: ModelConfig, at: Place, label: str | tuple[str, ...]) -> None:
    """Refuse a list where one label holds, and one label where several may.

    A single logit takes both: a list says that the label may not hold.
    """
    listed = not isinstance(label, str)
    if config.problem_type == "multi_label" and not listed:
        problem = f"{show(label)} is no list; several labels may hold, so write [{show(label)}]"
        raise at.error(f"{problem}, in JSON lines", "label")
    if config.problem_type == "single_label" and len(config.labels) > 1 and listed:
        problem = f"{show(list(label))} is a list; this checkpoint gives a text one label"
        remedy = "write one, or use --problem-type multi_label if several may hold"
        raise at.error(f"{problem}; {remedy}", "label")


def _check_label(at: Place, label: str, known: Collection[str], remedy: str = "") -> None:
    if label not in known:
        names = ", ".join(sorted(known))
        problem = f"label {show(label)} is not one of the checkpoint's: {names}{remedy}"
        raise at.error(problem, "label")
