"""Backends behind the engine's seam: ONNX Runtime under other names."""

from collections.abc import Container, Sequence

from app.bundle import GraphFile, Manifest, RuntimePrecision
from app.engine.answers.decoding import Logits
from app.engine.backends.base import PADDED, Mode, Session
from app.engine.backends.onnxruntime import OnnxRuntimeBackend
from app.engine.text.encoding import Encoding


class FakeBackend(OnnxRuntimeBackend):
    """Computes everything in fp32, whatever it says.

    Args:
        wrong: precisions in which its answers are wrong.

    Attributes:
        loaded: the precisions that were loaded, in turn.
    """

    def __init__(
        self,
        name: str,
        *precisions: RuntimePrecision,
        wrong: Container[RuntimePrecision] = (),
        invariant: bool = True,
    ) -> None:
        super().__init__()
        self.name = name
        self.modes = tuple(map(Mode, precisions or ("fp32",)))
        self.loaded: list[RuntimePrecision] = []
        self._wrong, self._invariant = wrong, invariant

    def keeps_invariance(self, mode: Mode) -> bool:
        return self._invariant

    def load(self, data: bytes, graph: GraphFile, mode: Mode, manifest: Manifest) -> Session:
        self.loaded.append(mode.precision)
        session = super().load(data, graph, mode, manifest)
        return WrongSession(session) if mode.precision in self._wrong else session


class WrongSession:
    """Turns every answer round."""

    execution = PADDED

    def __init__(self, session: Session) -> None:
        self._session = session

    def run(self, encodings: Sequence[Encoding]) -> list[Logits]:
        return [-row for row in self._session.run(encodings)]
