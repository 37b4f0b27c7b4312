"""Chooses the data files of a run, reads them, and checks the rows as a whole."""

import logging
from dataclasses import dataclass
from pathlib import Path

from offline.errors import DataError
from offline.readers.examples import (
    Corpus,
    Example,
    TaggedExample,
    TaskName,
    TextExample,
    Unlabelled,
)
from offline.readers.files import read_file
from offline.readers.lines import Place
from offline.readers.spans import check_whole_words

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Sources:
    """The file to train on, and optionally the file to evaluate on."""

    train: Path
    evaluation: Path | None = None


def find_sources(data: Path, eval_data: Path | None) -> Sources:
    """Resolve a file, or a folder with train.* and optionally eval.* or test.*."""
    if not data.is_dir():
        return Sources(data, eval_data)
    train = _only(data, ("train",))
    if train is None:
        raise DataError("the folder has no file train.*; add one or name a file", file=data)
    return Sources(train, eval_data or _only(data, ("eval", "test")))


def _only(folder: Path, stems: tuple[str, ...]) -> Path | None:
    found = sorted(path for path in folder.iterdir() if path.is_file() and path.stem in stems)
    if len(found) > 1:
        names = " and ".join(path.name for path in found)
        raise DataError(f"{names} compete; keep one or name the file itself", file=folder)
    return found[0] if found else None


def read_corpus(path: Path, task: TaskName) -> Corpus:
    """Read a file with the reader for its extension; raise DataError for unusable data."""
    corpus = Corpus(path, read_file(path, task, _labelled, logger.info))
    _check_one_form(corpus)
    return corpus


def _labelled(at: Place, row: Example | Unlabelled) -> Example:
    """Refuse a row without its truth, and spans that no tags can say."""
    if isinstance(row, Unlabelled):
        raise at.error("no label here; fill it in or drop the row", "label")
    if isinstance(row, TaggedExample):
        check_whole_words(row, at)
    return row


def _check_one_form(corpus: Corpus) -> None:
    """Raise DataError where some rows have one label and others a list of labels."""
    for example in corpus.examples:
        listed = isinstance(example, TextExample) and not isinstance(example.label, str)
        if listed != corpus.is_multi_label:
            raise Place(corpus.file, example.line).error(
                f"{list(example.labels)} mixes one label with lists of labels; "
                "use one form in all rows",
                "label",
            )


def check_classes(corpus: Corpus, task: TaskName) -> None:
    """Raise DataError if there are no classes to tell apart."""
    labels = corpus.labels
    if task == "token-classification" and not labels:
        raise DataError("no entity in the whole file; tag some", file=corpus.file)
    if task == "sequence-classification" and len(labels) < 2:
        raise Place(corpus.file, corpus.examples[0].line).error(
            f"one class only, {labels[0] if labels else 'none'!r}, in all "
            f"{len(corpus.examples)} rows; a classifier needs two or more",
            "label",
        )


def check_labels_known(evaluation: Corpus, train: Corpus) -> None:
    """Raise DataError if the two differ in kind, or in a label that training never shows."""
    if evaluation.is_multi_label != train.is_multi_label:
        raise Place(evaluation.file, evaluation.examples[0].line).error(
            f"one label a row here, lists of labels there ({train.file}), or the reverse; "
            "use one form in both",
            "label",
        )
    known = train.labels
    for example in evaluation.examples:
        for label in example.labels:
            if label not in known:
                problem = f"{label!r} is not a label of the training data ({', '.join(known)})"
                raise Place(evaluation.file, example.line).error(problem, "label")
