"""The seam between the engine and an inference runtime."""

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

from app.bundle import GraphFile, GraphKind, Manifest, RuntimePrecision, graph_precision
from app.engine.answers.decoding import Logits
from app.engine.text.encoding import Encoding

# On a CPU a small batch is as fast as any.
CPU_WARM_UP_SHAPES = ((1, 8), (1, 32), (4, 32), (1, 128), (8, 32), (4, 128), (16, 64))


class Mode(NamedTuple):
    """A way to run a bundle: the precision it computes in, and the kind of graph it reads."""

    precision: RuntimePrecision
    kind: GraphKind = "padded"

    def __str__(self) -> str:
        return self.precision if self.kind == "padded" else f"{self.precision} {self.kind}"

    def find_graph(self, manifest: Manifest) -> GraphFile | None:
        """Return the bundle's graph that is run in this mode, if it has one."""
        return manifest.find_graph(graph_precision(self.precision), self.kind)


class Execution(NamedTuple):
    """How a session runs its batches.

    Attributes:
        kind: padded: each text filled up to the longest; packed: without padding; captured: packed,
            and replayed as a CUDA graph instead of being started kernel by kernel.
        reason: a sentence on why not in a better way that the backend has; None if there is none.
    """

    kind: Literal["padded", "packed", "captured"]
    reason: str | None = None


PADDED = Execution("padded")


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
    def name(self) -> str:
        """Name of the runtime, as CLASSMARK_BACKEND has it."""
        ...

    @property
    def provider(self) -> str:
        """Name of what runs the graphs, as shown to users."""
        ...

    @property
    def modes(self) -> tuple[Mode, ...]:
        """Ways it can run a bundle, from the best on this device to the last resort."""
        ...

    @property
    def executors(self) -> int:
        """Batches worth running at the same time."""
        ...

    @property
    def warm_up_shapes(self) -> Sequence[tuple[int, int]]:
        """Batches, as (texts, tokens each), that show what one costs here, the smallest first."""
        ...

    def keeps_invariance(self, mode: Mode) -> bool:
        """Tell whether a batch-invariant graph is so too when it runs in this mode."""
        ...

    def load(self, data: bytes, graph: GraphFile, mode: Mode, manifest: Manifest) -> Session:
        """Load an ONNX graph of a bundle; raise BundleError if it is none."""
        ...
