"""Sequence classification: texts to features, logits to scores."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.metrics import classification_report, confusion_matrix
from transformers import (
    AutoModelForSequenceClassification,
    DataCollatorWithPadding,
    PreTrainedTokenizerBase,
)

from offline.metrics import Counts, count_labels, label_metrics
from offline.readers.examples import Example, TextExample
from training.tasks.features import Features, count_cut, pad_to
from training.tasks.scores import Baseline, Scores, row_of

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
        report = classification_report(
            truth,
            predicted,
            labels=range(len(self.classes)),
            target_names=list(self.classes),
            output_dict=True,
            zero_division=0.0,
        )
        confusion = None
        if not self.multi_label:
            table = confusion_matrix(truth, predicted, labels=range(len(self.classes)))
            confusion = tuple(tuple(int(cell) for cell in row) for row in table)
        return Scores(
            headline=self.headline,
            metrics=self._metrics(truth, predicted),
            per_label={label: row_of(report[label]) for label in self.classes},
            confusion=confusion,
            baseline=self._baseline(truth),
            never_predicted=tuple(
                label for i, label in enumerate(self.classes) if not self._given(predicted, i)
            ),
        )

    @property
    def headline(self) -> str:
        return "macro_f1" if self.multi_label else "accuracy"

    def _metrics(self, truth: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
        return label_metrics(self._counts(truth, predicted).sum(axis=0))

    def _baseline(self, truth: np.ndarray) -> Baseline:
        """Score the commonest answer, or set of labels, given to every text."""
        rows, counts = np.unique(truth, axis=0, return_counts=True)
        commonest = rows[counts.argmax()]
        constant = np.broadcast_to(commonest, truth.shape)
        names = [label for i, label in enumerate(self.classes) if self._given(commonest[None], i)]
        value = self._metrics(truth, constant)[self.headline]
        return Baseline(" and ".join(names) or "no label", value)

    def _given(self, answers: np.ndarray, label: int) -> bool:
        """Tell whether any answer has a label, by its id."""
        return bool((answers[:, label] if self.multi_label else answers == label).any())
