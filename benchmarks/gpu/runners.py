"""What can run a batch: the seam between the measurement and each engine."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from app.bundle import Bundle
from app.engine.text.encoding import Logits
from benchmarks.errors import BenchmarkError
from benchmarks.gpu.models import Network
from benchmarks.gpu.streams import Batch, Layout
from export.checkpoint.load import Checkpoint


class Unavailable(BenchmarkError):
    """This runner cannot run here; the message says why."""


class Work(Protocol):
    """A batch whose inputs lie on the device."""

    def run(self) -> None:
        """Compute its logits; may return before they are there."""
        ...

    def answers(self) -> Sequence[Logits]:
        """Return the last run's logits, those of each text, in fp32."""
        ...


class Runner(Protocol):
    """An engine with a loaded network.

    Attributes:
        layout: how its batches are to be made.
    """

    name: str
    layout: Layout

    def prepare(self, batch: Batch) -> Work:
        """Upload a batch, and compile or capture what is made once for its shape."""
        ...

    def synchronize(self) -> None:
        """Wait until all that was run is done."""
        ...

    def close(self) -> None:
        """Free the device's memory."""
        ...


@dataclass(frozen=True, slots=True)
class Subject:
    """One network, as each runner reads it.

    Attributes:
        device: `cuda` or `cpu`.
    """

    network: Network
    checkpoint: Checkpoint
    bundle: Bundle
    device: str

    def graph(self, name: str) -> Path:
        """Return a graph's file; raise Unavailable where the bundle has none."""
        path = self.bundle.path / f"model.{name}.onnx"
        if not path.exists():
            raise Unavailable(f"the bundle has no {name} graph")
        return path

    def need_cuda(self) -> None:
        """Raise Unavailable on another device."""
        if self.device != "cuda":
            raise Unavailable("needs CUDA")
