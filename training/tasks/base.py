"""The choice of the task for a split."""

from transformers import PreTrainedTokenizerBase

from offline.readers.examples import TaskName
from training.split import Split
from training.tasks.text import TextTask
from training.tasks.tokens import TokenTask

# Encodes examples and scores logits for a fixed set of classes.
ClassifierTask = TextTask | TokenTask


def make_task(
    name: TaskName, split: Split, tokenizer: PreTrainedTokenizerBase, max_length: int
) -> ClassifierTask:
    """Return the named task on the labels of a split."""
    if name == "token-classification":
        return TokenTask(tokenizer, split.labels, max_length=max_length)
    return TextTask(
        tokenizer, split.labels, multi_label=split.is_multi_label, max_length=max_length
    )
