"""Divides examples into training and evaluation parts: without duplicates, stratified, seeded."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sklearn.model_selection import train_test_split

from offline.errors import DataError
from offline.readers.examples import Corpus, Example, TextExample
from training.data import Data
from training.errors import SettingError


@dataclass(frozen=True, slots=True)
class Split:
    """Training and evaluation examples without a common text; the numbers of rows left out."""

    train: tuple[Example, ...]
    evaluation: tuple[Example, ...]
    labels: tuple[str, ...]
    duplicates: int
    contradictions: int
    beyond_limit: int = 0

    def left_out(self) -> list[str]:
        """Say which rows were left out and why."""
        why = {
            "that repeat the text of another": self.duplicates,
            "whose text stands under different labels": self.contradictions,
            "beyond --limit": self.beyond_limit,
        }
        return [f"{count} rows {reason}" for reason, count in why.items() if count]

    @property
    def is_multi_label(self) -> bool:
        first = self.train[0]
        return isinstance(first, TextExample) and not isinstance(first.label, str)


def make_split(data: Data, *, eval_fraction: float, seed: int, limit: int | None = None) -> Split:
    """Divide what was read; `limit` bounds the training rows, and the evaluation rows too."""
    return divide(data.train, data.evaluation, eval_fraction=eval_fraction, seed=seed, limit=limit)


def divide(
    corpus: Corpus, given: Corpus | None, *, eval_fraction: float, seed: int, limit: int | None
) -> Split:
    """Drop duplicates, then divide a corpus, or take the given one as evaluation part.

    A limit bounds either part: a trial on few rows should not score all the others.
    """
    unique, duplicates, contradictions = deduplicate(corpus.examples)
    if given is None:
        train, evaluation = stratify(unique, eval_fraction, seed, corpus.file)
    else:
        evaluation, more, against = deduplicate(given.examples)
        train = drop_shared(unique, evaluation)
        duplicates += more + len(unique) - len(train)
        contradictions += against
    rows = len(train) + len(evaluation)
    train, evaluation = sample(train, limit, seed), sample(evaluation, limit, seed)
    if not train or not evaluation:
        raise DataError(
            f"{len(train)} rows to train on and {len(evaluation)} to evaluate on are left "
            "without duplicates; add rows",
            file=corpus.file,
        )
    labels = tuple(corpus.labels)
    beyond = rows - len(train) - len(evaluation)
    return Split(tuple(train), tuple(evaluation), labels, duplicates, contradictions, beyond)


def deduplicate(examples: Sequence[Example]) -> tuple[list[Example], int, int]:
    """Return one example for each text, and the numbers of repeated and of contradictory rows.

    A text with different labels teaches nothing, so all its rows are dropped.
    """
    first: dict[object, Example] = {}
    contradictory: set[object] = set()
    for example in examples:
        seen = first.setdefault(example.key, example)
        if seen.target != example.target:
            contradictory.add(example.key)
    unique = [example for key, example in first.items() if key not in contradictory]
    against = sum(example.key in contradictory for example in examples)
    return unique, len(examples) - len(unique) - against, against


def drop_shared(train: Sequence[Example], evaluation: Sequence[Example]) -> list[Example]:
    """Drop the training examples whose text is also in the evaluation part."""
    held_out = {example.key for example in evaluation}
    return [example for example in train if example.key not in held_out]


def stratify(
    examples: Sequence[Example], eval_fraction: float, seed: int, file: Path
) -> tuple[list[Example], list[Example]]:
    """Divide so that every class has the same share in both parts; the seed fixes the draw."""
    strata = _strata(examples, eval_fraction)
    held_out = math.ceil(len(examples) * eval_fraction)
    smallest, count = min(Counter(strata).items(), key=lambda item: item[1])
    if count < 2:
        raise DataError(
            f"label {smallest!r} has one row without duplicates; "
            "add rows, or give an evaluation file",
            file=file,
        )
    if held_out < len(set(strata)):
        raise SettingError(
            f"an evaluation part of {held_out} rows cannot show {len(set(strata))} classes; "
            "raise the evaluation fraction or add rows"
        )
    train, evaluation = train_test_split(
        list(examples), test_size=held_out, random_state=seed, stratify=strata
    )
    return train, evaluation


def sample(examples: list[Example], limit: int | None, seed: int) -> list[Example]:
    """Keep at most `limit` examples, with classes in proportion if the limit allows it."""
    if limit is None or limit >= len(examples):
        return examples
    strata = _strata(examples, limit / len(examples))
    counts = Counter(strata)
    proportional = min(counts.values()) >= 2 and len(counts) <= min(limit, len(examples) - limit)
    kept, _ = train_test_split(
        examples, train_size=limit, random_state=seed, stratify=strata if proportional else None
    )
    return list(kept)


def _strata(examples: Sequence[Example], share: float) -> list[str]:
    """Name each example's class; rare combinations of labels are pooled into one."""
    names = [" ".join(sorted(set(example.labels))) for example in examples]
    if all(isinstance(e, TextExample) and isinstance(e.label, str) for e in examples):
        return names
    counts = Counter(names)
    enough = max(2, math.ceil(1 / share))
    pooled = [name if counts[name] >= enough else "\0rare" for name in names]
    if pooled.count("\0rare") < enough:
        commonest = counts.most_common(1)[0][0]
        pooled = [commonest if name == "\0rare" else name for name in pooled]
    return pooled
