"""Reads the data files of a run, and checks the rows as a whole."""

import logging
from collections import Counter
from dataclasses import dataclass, field
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
from offline.readers.layout import Layout, OnBadSpan
from offline.readers.lines import Place
from offline.readers.spans import check_whole_words, snap_to_words
from training.sources import Sources

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Data:
    """What a run reads: the rows to train on, and those to evaluate on if they are given."""

    train: Corpus
    evaluation: Corpus | None = None


def read_data(sources: Sources, task: TaskName, layout: Layout) -> Data:
    """Read all sources and check them as a whole; raise DataError for unusable data."""
    train = read_corpus(sources.train, task, layout)
    check_classes(train, task)
    if sources.evaluation is None:
        return Data(train)
    logger.info("evaluating on %s", sources.evaluation)
    evaluation = read_corpus(sources.evaluation, task, layout)
    check_labels_known(evaluation, train)
    return Data(train, evaluation)


def read_corpus(path: Path, task: TaskName, layout: Layout | None = None) -> Corpus:
    """Read a file with the reader for its extension; raise DataError for unusable data."""
    layout = layout or Layout()
    columns = layout.columns(task)
    accept = _Labelled(layout.on_bad_span)
    required = ("text", "spans" if task == "token-classification" else "label")
    rows = read_file(path, task, accept, logger.warning, layout=layout, required=required)
    if accept.counts:
        logger.warning("%s: %s", path, accept.describe())
    corpus = Corpus(path, rows, columns)
    _check_one_form(corpus)
    return corpus


@dataclass
class _Labelled:
    """Refuses a row without its truth, and mends or refuses spans that no tags can say."""

    on_bad_span: OnBadSpan
    counts: Counter[str] = field(default_factory=Counter)

    def __call__(self, at: Place, row: Example | Unlabelled) -> Example:
        if isinstance(row, Unlabelled):
            column = "spans" if "spans" in at.names else "label"
            raise at.error("no label here; fill it in or drop the row (--on-bad-row skip)", column)
        if not isinstance(row, TaggedExample):
            return row
        if self.on_bad_span == "snap":
            row, moved, dropped = snap_to_words(row)
            self.counts.update({"moved": moved} if moved else {})
            self.counts.update({"dropped": dropped} if dropped else {})
        check_whole_words(row, at)
        return row

    def describe(self) -> str:
        """Say how many spans were mended."""
        return (
            f"{self.counts['moved']} entities moved to the edges of the words that they cut, "
            f"{self.counts['dropped']} left out that overlap a longer one"
        )


def _check_one_form(corpus: Corpus) -> None:
    """Raise DataError where some rows have one label and others a list of labels."""
    for example in corpus.examples:
        listed = isinstance(example, TextExample) and not isinstance(example.label, str)
        if listed != corpus.is_multi_label:
            raise corpus.place(example).error(
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
        raise corpus.place(corpus.examples[0]).error(
            f"one class only, {labels[0] if labels else 'none'!r}, in all "
            f"{len(corpus.examples)} rows; a classifier needs two or more",
            "label",
        )


def check_labels_known(evaluation: Corpus, train: Corpus) -> None:
    """Raise DataError if the two differ in kind, or in a label that training never shows."""
    if evaluation.is_multi_label != train.is_multi_label:
        raise evaluation.place(evaluation.examples[0]).error(
            f"one label a row here, lists of labels there ({train.file}), or the reverse; "
            "use one form in both",
            "label",
        )
    known = train.labels
    for example in evaluation.examples:
        for label in example.labels:
            if label not in known:
                problem = f"{label!r} is not a label of the training data ({', '.join(known)})"
                raise evaluation.place(example).error(problem, "label")
