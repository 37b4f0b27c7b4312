"""The interface between the measurement and each engine that can run a batch."""

from collections.abc import Sequence
from typing import Protocol

from app.engine.text.encoding import Logits
from benchmarks.gpu.subjects.streams import Batch, Layout


class Work(Protocol):
    """A batch with its inputs on the device."""

    def run(self) -> None:
        """Compute its logits; may return before they are ready."""
        ...

    def answers(self) -> Sequence[Logits]:
        """Return the logits of each text of the last run, in fp32."""
        ...


class Runner(Protocol):
    """An engine with a loaded network.

    Attributes:
        layout: the layout of its batches.
    """

    name: str
    layout: Layout

    def prepare(self, batch: Batch) -> Work:
        """Upload a batch; compile or capture once for its shape."""
        ...

    def synchronize(self) -> None:
        """Wait until all runs have ended."""
        ...

    def close(self) -> None:
        """Free the device's memory."""
        ...
