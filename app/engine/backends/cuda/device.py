"""What a session needs of a device: a packed graph that is loaded there, and memory to feed it."""

from typing import Protocol

from app.engine.backends.cuda.layout import Layout, Words
from app.engine.text.encoding import Logits

# A run that neither captures nor replays a graph.
EAGER = -1


class Device(Protocol):
    """One packed graph on one GPU. Every method, and the making, is for one thread alone.

    Inputs and logits have one place in the device's memory each, which every run uses again: what
    a graph was captured with is where the next batch is put.
    """

    @property
    def per_token(self) -> bool:
        """Whether the graph is a tagger's, whose logits are [tokens, labels]."""
        ...

    def make_buffer(self) -> Words:
        """Return memory of the host that batches are copied from, large enough for any."""
        ...

    def run(self, words: Words, layout: Layout, graph: int) -> Logits:
        """Copy a batch to the device, run it, and return its logits, which are the caller's.

        Args:
            words: a buffer of this device with the inputs.
            graph: EAGER, or the number of a CUDA graph: it is captured by the first runs with that
                number, all of one extent, and replayed by those that follow.

        Returns:
            fp32 [sequences, labels], or of a tagger [tokens, labels], of the layout's extent.
        """
        ...

    def forget_graphs(self) -> None:
        """Run everything eagerly from now on: graphs belong to the thread that captured them."""
        ...

    def close(self) -> None:
        """Free what the device holds; nothing is called after it."""
        ...
