"""What the two tasks have in common, and which of them a split poses."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from transformers import PreTrainedTokenizerBase

from training.output.scores import Scores
from training.readers.examples import Example, Task
from training.split import Split
from training.tasks.features import Collator, Features
from training.tasks.text import SequenceProblem
from training.tasks.tokens import TokenProblem


class Problem(Protocol):
    """A task on a fixed set of classes: encodes examples and scores logits."""

    classes: tuple[str, ...]  # in id order

    @property
    def model_class(self) -> Any: ...
    @property
    def config(self) -> Mapping[str, Any]: ...
    @property
    def collator(self) -> Collator: ...
    def encode(self, examples: Sequence[Example]) -> Features: ...
    def score(self, examples: Sequence[Example], logits: Sequence[np.ndarray]) -> Scores: ...


def make_problem(
    task: Task, split: Split, tokenizer: PreTrainedTokenizerBase, max_length: int
) -> Problem:
    """Return the problem of a task on the labels of a split."""
    if task == "token-classification":
        return TokenProblem(tokenizer, split.labels, max_length=max_length)
    return SequenceProblem(
        tokenizer, split.labels, multi_label=split.is_multi_label, max_length=max_length
    )
