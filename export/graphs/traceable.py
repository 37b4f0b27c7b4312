"""Set up a model for tracing where its own settings stand in the way; its answers stay."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from export.checkpoint.load import Checkpoint


@contextmanager
def traceable(checkpoint: Checkpoint) -> Iterator[None]:
    """Change settings of the model inside the block.

    - `chunk_size_feed_forward` cuts a text into parts, as many as the traced one has.
    - `return_dict` false, or `torchscript`, gives tuples, in which the converter finds no names.
    - Without `pad_token_id`, GPT-2 and its relatives refuse a batch; the tokenizer names the token.
    """
    config: Any = checkpoint.model.config
    with ExitStack() as changed:
        for module in checkpoint.model.modules():
            if getattr(module, "chunk_size_feed_forward", 0):
                changed.enter_context(patch.object(module, "chunk_size_feed_forward", 0))
        changed.enter_context(patch.object(config, "return_dict", True))
        changed.enter_context(patch.object(config, "torchscript", False))
        if config.pad_token_id is None:
            changed.enter_context(patch.object(config, "pad_token_id", checkpoint.pad_token_id))
        yield
