"""Defines the device that a session uses: one loaded packed graph, and memory to feed it."""

from typing import Protocol

from app.engine.backends.cuda.layout import Layout, Words
from app.engine.text.encoding import Logits

# A run that neither captures nor replays a graph.
EAGER = -1


class Device(Protocol):
    """One packed graph on one GPU, made and used on one thread only.

    Inputs and logits each have a fixed place in the device's memory, which every run reuses: the
    next batch goes where the captured graph reads.
    """

    @property
    def per_token(self) -> bool:
        """Whether the graph is a tagger's, whose logits are [tokens, labels]."""
        ...

    def make_buffer(self) -> Words:
        """Return host memory that batches are copied from, large enough for any."""
        ...

    def run(self, words: Words, layout: Layout, graph: int) -> Logits:
        """Copy a batch to the device, run it, and return its logits, which the caller owns.

        Args:
            words: a buffer of this device with the inputs.
            graph: EAGER, or the number of a CUDA graph: the first runs with that number, all of one
                extent, capture it, and those that follow replay it.

        Returns:
            fp32 [sequences, labels], or [tokens, labels] of a tagger, in the layout's extent.
        """
        ...

    def forget_graphs(self) -> None:
        """Run everything eagerly from now on, on another thread: graphs belong to their own."""
        ...

    def close(self) -> None:
        """Free what the device holds; no call may follow."""
        ...
