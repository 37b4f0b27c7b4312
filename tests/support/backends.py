"""A backend behind the engine's seam: ONNX Runtime that says what a test wants it to say."""

from collections.abc import Container, Sequence

from app.bundle.base import Precision
from app.bundle.files import GraphData
from app.bundle.manifest import GraphFile, Manifest
from app.engine.backends.base import PADDED, Mode, Session
from app.engine.backends.onnxruntime import OnnxRuntimeBackend
from app.engine.text.encoding import Encoding, Logits


class FakeBackend(OnnxRuntimeBackend):
    """Computes every graph that it is given.

    Args:
        wrong: precisions in which its answers are wrong.

    Attributes:
        loaded: the precisions that were loaded, in turn.
    """

    def __init__(self, *precisions: Precision, wrong: Container[Precision] = ()) -> None:
        super().__init__()
        self.modes = tuple(map(Mode, precisions or ("fp32",)))
        self.loaded: list[Precision] = []
        self._wrong = wrong

    def load(self, data: GraphData, graph: GraphFile, mode: Mode, manifest: Manifest) -> Session:
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
