"""The interface of a task, and the choice of the task for a split."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from transformers import PreTrainedTokenizerBase

from offline.readers.examples import Example, TaskName
from training.split import Split
from training.tasks.features import Collator, Features
from training.tasks.scores import Scores
from training.tasks.text import TextTask
from training.tasks.tokens import TokenTask


class ClassifierTask(Protocol):
    """Encodes examples and scores logits for a fixed set of classes."""

    classes: tuple[str, ...]  # in id order

    @property
    def model_class(self) -> Any: ...
    @property
    def config(self) -> Mapping[str, Any]: ...
    @property
    def collator(self) -> Collator: ...
    def encode(self, examples: Sequence[Example]) -> Features: ...
    def score(self, examples: Sequence[Example], logits: Sequence[np.ndarray]) -> Scores: ...


def make_task(
    name: TaskName, split: Split, tokenizer: PreTrainedTokenizerBase, max_length: int
) -> ClassifierTask:
    """Return the named task on the labels of a split."""
    if name == "token-classification":
        return TokenTask(tokenizer, split.labels, max_length=max_length)
    return TextTask(
        tokenizer, split.labels, multi_label=split.is_multi_label, max_length=max_length
    )
