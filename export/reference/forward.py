"""Run the checkpoint's own model in PyTorch: each text alone, so that nothing is padded.

Padding would put words into the reference that are not the checkpoint's: on the left it moves
BERT's positions, and convolutions (ConvBERT, MobileBERT) read it as if it were text.
"""

import inspect
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch

from app.engine.batching.cpus import available_cpus
from app.engine.text.encoding import Logits
from app.errors import lacks_memory
from export.checkpoint.load import Checkpoint
from export.errors import CheckpointRefused

Features = dict[str, list[int]]


def run_checkpoint(checkpoint: Checkpoint, features: Sequence[Features]) -> tuple[Logits, ...]:
    """Return the logits of each input: [labels], or [tokens, labels] of a tagger.

    Each runs on one thread, so no thread waits for another on a busy machine.

    Raises:
        CheckpointRefused: the model itself fails on an input.
    """
    if getattr(checkpoint.model.config, "attention_type", "") == "block_sparse":
        raise CheckpointRefused(
            checkpoint.path,
            "its attention_type is block_sparse, which depends on a text's length and on chance",
            'set "attention_type": "original_full" in its config.json: the weights are the same',
        )
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(available_cpus()) as pool:
            return tuple(pool.map(lambda one: _run(checkpoint, one), features))
    except CheckpointRefused:
        raise
    except Exception as exc:  # every architecture raises its own types
        if lacks_memory(exc):
            longest = max(len(one["input_ids"]) for one in features)
            raise CheckpointRefused(
                checkpoint.path,
                f"memory is short for its answer to a text of {longest} tokens",
                "free some, or export it with a smaller --max-length",
            ) from exc
        reason = (str(exc).strip().splitlines() or ["no message"])[0][:200]
        raise CheckpointRefused(
            checkpoint.path,
            f"its {checkpoint.config.architecture} fails on a text "
            f"({type(exc).__name__}: {reason})",
            "give a checkpoint that transformers' pipeline can run on text alone",
        ) from exc
    finally:
        torch.set_num_threads(threads)


def _run(checkpoint: Checkpoint, features: Features) -> Logits:
    # Some tokenizers return token types that their model does not take.
    known = inspect.signature(checkpoint.model.forward).parameters
    inputs: dict[str, Any] = {
        name: torch.tensor([values]) for name, values in features.items() if name in known
    }
    with torch.inference_mode():
        # The first output is the logits, in a tuple (return_dict false) as in an object.
        logits: Logits = checkpoint.model(**inputs)[0][0].numpy().copy()
    return logits
