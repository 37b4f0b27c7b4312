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

from offline.metrics import Counts, count_labels, label_metrics
from offline.readers.examples import Example, TextExample
from training.tasks.features import Features, count_cut, pad_to
from training.tasks.scores import Scores, score_label

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

    def _counts(self, truth: np.ndarray, predicted: np.ndarray) -> Counts:
        if self.multi_label:
            return count_labels(truth > 0, predicted > 0)
        ids = np.arange(len(self.classes))
        return count_labels(truth[:, None] == ids, predicted[:, None] == ids)

    def _report(self, truth: np.ndarray, predicted: np.ndarray) -> Scores:
        sums = self._counts(truth, predicted).sum(axis=0)
        by_label = zip(self.classes, sums[2:].reshape(3, -1).T.tolist(), strict=True)
        confusion = None
        if not self.multi_label:
            table = confusion_matrix(truth, predicted, labels=range(len(self.classes)))
            confusion = tuple(tuple(int(cell) for cell in row) for row in table)
        return Scores(
            headline="macro_f1" if self.multi_label else "accuracy",
            metrics=label_metrics(sums),
            per_label={label: score_label(*counts) for label, counts in by_label},
            confusion=confusion,
        )
