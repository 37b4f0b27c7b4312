"""Chooses the reader of a data file or folder, and checks the rows as a whole."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from training.errors import DataError
from training.readers.conll import read_conll
from training.readers.examples import Corpus, Example, TaskName
from training.readers.lines import Place
from training.readers.rows import read_csv, read_jsonl, read_tsv
from training.readers.spans import read_spans

Reader = Callable[[Path], Iterator[Example]]

READERS: dict[TaskName, dict[str, Reader]] = {
    "sequence-classification": {
        ".csv": read_csv,
        ".tsv": read_tsv,
        ".jsonl": read_jsonl,
        ".ndjson": read_jsonl,
    },
    "token-classification": {
        ".conll": read_conll,
        ".bio": read_conll,
        ".iob": read_conll,
        ".tsv": read_conll,
        ".txt": read_conll,
        ".jsonl": read_spans,
        ".ndjson": read_spans,
    },
}


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
    readers = READERS[task]
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise DataError(
            f"unknown extension {path.suffix!r}; {task} reads {', '.join(readers)}", file=path
        )
    corpus = Corpus(path, tuple(reader(path)))
    if not corpus.examples:
        raise DataError("the file holds no rows; it needs at least two", file=path)
    return corpus


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
