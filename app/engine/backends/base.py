"""Defines the interface between the engine and an inference runtime."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from app.bundle.base import GraphKind, Precision
from app.bundle.files import GraphData
from app.bundle.manifest import GraphFile, Manifest
from app.engine.text.encoding import Encoding, Logits

# On a CPU small batches are as fast as large ones.
CPU_WARM_UP_SHAPES = ((1, 8), (1, 32), (4, 32), (1, 128), (8, 32), (4, 128), (16, 64))


class Mode(NamedTuple):
    """The graph of a bundle that runs: its precision and its kind."""

    precision: Precision
    kind: GraphKind = "padded"

    def __str__(self) -> str:
        return self.precision if self.kind == "padded" else f"{self.precision} {self.kind}"

    def find_graph(self, manifest: Manifest) -> GraphFile | None:
        """Return the bundle's graph of this mode, if it has one."""
        return manifest.find_graph(self.precision, self.kind)


class Execution(NamedTuple):
    """How a session runs its batches.

    Attributes:
        kind: padded: each text filled up to the longest; packed: without padding; captured: packed,
            and replayed as a CUDA graph instead of being started kernel by kernel.
        reason: a sentence on why the backend's better way is not used; None if there is none.
    """

    kind: Literal["padded", "packed", "captured"]
    reason: str | None = None


PADDED = Execution("padded")


@dataclass(frozen=True, slots=True)
class RuntimeSpec:
    """How a servable's graph runs.

    Attributes:
        provider: name of what runs the graph, as shown to users.
        execution: as it was when the model loaded.
        degraded: why it runs slower than it should on this machine: something better failed.
    """

    provider: str
    mode: Mode
    execution: Execution
    degraded: str | None = None

    def __str__(self) -> str:
        return f"{self.provider} {self.mode}"

    @property
    def precision(self) -> Precision:
        return self.mode.precision

    @property
    def kind(self) -> GraphKind:
        return self.mode.kind


class Session(Protocol):
    """One loaded graph, freed with its last reference. `run` may be called from many threads."""

    @property
    def execution(self) -> Execution: ...

    def run(self, encodings: Sequence[Encoding]) -> list[Logits]:
        """Return fp32 logits in the order given: [labels], or [tokens, labels] for NER."""
        ...


class Backend(Protocol):
    """Makes sessions on one device."""

    @property
    def provider(self) -> str:
        """Name of what runs the graphs, as shown to users."""
        ...

    @property
    def degraded(self) -> str | None:
        """Why a better device of this machine is not used; None if there is none."""
        ...

    @property
    def modes(self) -> tuple[Mode, ...]:
        """Modes it can run a bundle in, from the best on this device to the last resort."""
        ...

    @property
    def executors(self) -> int:
        """Batches worth running at the same time."""
        ...

    @property
    def warm_up_shapes(self) -> Sequence[tuple[int, int]]:
        """Batches to measure the cost with, as (texts, tokens each), the smallest first."""
        ...

    def load(self, data: GraphData, graph: GraphFile, mode: Mode, manifest: Manifest) -> Session:
        """Load an ONNX graph of a bundle; raise BundleError if it does not load."""
        ...
