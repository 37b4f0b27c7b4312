"""`python -m benchmarks.servers.timeless`: the service, whose model takes no time once it is told.

From SIGUSR1 on every text is answered with the last logits that the model gave: what is left is
what the service itself takes, from the socket to the socket.
"""

import signal
import threading
from collections.abc import Sequence

from app.api.connection.server import Server, make_config
from app.bundle.files import GraphData
from app.bundle.manifest import GraphFile, Manifest
from app.engine.backends.base import Mode, Session
from app.engine.backends.onnxruntime import OnnxRuntimeBackend
from app.engine.text.encoding import Encoding, Logits
from app.main import create_app, with_middleware
from app.settings.settings import Settings

told = threading.Event()


class TimelessSession:
    """A session that runs its graph until it is told not to."""

    def __init__(self, session: Session) -> None:
        self.execution = session.execution
        self._session = session
        self._last: Logits | None = None

    def run(self, encodings: Sequence[Encoding]) -> list[Logits]:
        if told.is_set() and self._last is not None:
            return [self._last] * len(encodings)
        logits = self._session.run(encodings)
        self._last = logits[0]
        return logits


class TimelessBackend(OnnxRuntimeBackend):
    def load(self, data: GraphData, graph: GraphFile, mode: Mode, manifest: Manifest) -> Session:
        return TimelessSession(super().load(data, graph, mode, manifest))


def main() -> None:
    signal.signal(signal.SIGUSR1, lambda *_: told.set())
    settings = Settings()
    app = create_app(settings, TimelessBackend(settings.executors or 1))
    Server(make_config(with_middleware(app), app.state.service), app.state.service).run()


if __name__ == "__main__":
    main()
