"""The seam between the engine and an inference runtime."""

from collections.abc import Sequence
from typing import Protocol

from app.bundle import GraphFile, RuntimePrecision
from app.engine.decoding import Logits
from app.engine.tokenization import Encoding


class Session(Protocol):
    """One loaded graph, freed with its last reference. `run` may be called from many threads."""

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
    def preferred_precisions(self) -> tuple[RuntimePrecision, ...]:
        """Precisions it computes in, from the best on this device to the last resort."""
        ...

    def keeps_invariance(self, precision: RuntimePrecision) -> bool:
        """Tell whether a batch-invariant graph is so too when it computes in this precision."""
        ...

    def load(
        self, data: bytes, graph: GraphFile, precision: RuntimePrecision, pad_token_id: int
    ) -> Session:
        """Load an ONNX graph; raise BundleError if it is none."""
        ...
