"""Sequence classification: texts to features, logits to scores."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.metrics import confusion_matrix
from transformers import (
    AutoModelForSequenceClassification,
    DataCollatorWithPadding,
    PreTrainedTokenizerBase,
)

from offline.metrics import Flags, count_labels, label_metrics
from offline.readers.examples import Example, TextExample
from training.tasks.features import Features, count_cut, pad_to
from training.tasks.scores import Baseline, Scores, score_label

MULTI_LABEL_THRESHOLD = 0.5


class TextTask:
    """One label, or a set of labels, for a whole text or pair."""

    model_class = AutoModelForSequenceClassification

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        labels: Sequence[str],
        *,
        multi_label: bool,
        max_length: int,
    ) -> None:
        self.tokenizer = tokenizer
        self.classes = tuple(labels)
        self.multi_label = multi_label
        self.max_length = max_length

    @property
    def config(self) -> dict[str, Any]:
        kind = "multi_label" if self.multi_label else "single_label"
        return {"problem_type": f"{kind}_classification"}

    @property
    def collator(self) -> DataCollatorWithPadding:
        return DataCollatorWithPadding(self.tokenizer, pad_to_multiple_of=pad_to(self.max_length))

    def encode(self, examples: Sequence[Example]) -> Features:
        """Tokenize and truncate to `max_length`; labels become ids or a 0/1 vector."""
        rows = [example for example in examples if isinstance(example, TextExample)]
        has_pairs = any(row.text_pair is not None for row in rows)
        encoded = self.tokenizer(
            [row.text for row in rows],
            [row.text_pair or "" for row in rows] if has_pairs else None,
            truncation=True,
            max_length=self.max_length,
        )
        labels = self._targets(rows)
        names = list(encoded.keys())
        made = (
            {name: encoded[name][i] for name in names} | {"labels": labels[i]}
            for i in range(len(rows))
        )
        return Features(made, count_cut(encoded))

    def score(self, examples: Sequence[Example], logits: Sequence[np.ndarray]) -> Scores:
        """Compare the logits, one row a text, with the labels."""
        rows = [example for example in examples if isinstance(example, TextExample)]
        truth = np.array(self._targets(rows))
        values = np.stack(logits)
        if self.multi_label:
            scores = 1.0 / (1.0 + np.exp(-values))
            predicted = (scores >= MULTI_LABEL_THRESHOLD).astype(int)
            truth = truth.astype(int)
        else:
            predicted = values.argmax(axis=1)
        return self._report(truth, predicted)

    def _targets(self, rows: Sequence[TextExample]) -> list[Any]:
        ids = {label: i for i, label in enumerate(self.classes)}
        if not self.multi_label:
            return [ids[row.labels[0]] for row in rows]
        return [[float(label in row.labels) for label in self.classes] for row in rows]

    @property
    def headline(self) -> str:
        return "macro_f1" if self.multi_label else "accuracy"

    def _flags(self, answers: np.ndarray) -> Flags:
        """Return whether each text has each label, [texts, labels]."""
        if self.multi_label:
            return np.asarray(answers > 0)
        return np.asarray(answers[:, None] == np.arange(len(self.classes)))

    def _report(self, truth: np.ndarray, predicted: np.ndarray) -> Scores:
        true, given = self._flags(truth), self._flags(predicted)
        sums = count_labels(true, given).sum(axis=0)
        by_label = zip(self.classes, sums[2:].reshape(3, -1).T.tolist(), strict=True)
        confusion = None
        if not self.multi_label:
            table = confusion_matrix(truth, predicted, labels=range(len(self.classes)))
            confusion = tuple(tuple(int(cell) for cell in row) for row in table)
        return Scores(
            headline=self.headline,
            metrics=label_metrics(sums),
            per_label={label: score_label(*counts) for label, counts in by_label},
            confusion=confusion,
            baseline=self._baseline(true),
            never_predicted=self._named(given.sum(axis=0) == 0),
        )

    def _baseline(self, true: Flags) -> Baseline:
        """Score the commonest label, or set of labels, given to every text."""
        answers, counts = np.unique(true, axis=0, return_counts=True)
        commonest: Flags = answers[int(counts.argmax())]
        sums = count_labels(true, np.broadcast_to(commonest, true.shape)).sum(axis=0)
        answer = " and ".join(self._named(commonest)) or "no label"
        return Baseline(answer, label_metrics(sums)[self.headline])

    def _named(self, flags: Flags) -> tuple[str, ...]:
        return tuple(label for label, flag in zip(self.classes, flags, strict=True) if flag)
