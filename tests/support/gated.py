"""`python -m tests.support.gated`: the service, whose models load while a pipe has a writer.

GATE names the pipe; a load waits until a test opens it to write.
"""

import os
import sys
from pathlib import Path

from app.api.connection.server import Server, make_config
from app.bundle.files import GraphData
from app.bundle.manifest import GraphFile, Manifest
from app.engine.backends.base import Backend, Mode, Session
from app.engine.backends.onnxruntime import OnnxRuntimeBackend
from app.main import create_app, with_middleware
from app.settings import Settings
from app.telemetry.logging import configure_logging
from app.workers import __main__ as worker
from app.workers.supervisor.supervisor import Supervisor

COMMAND = (sys.executable, "-m", "tests.support.gated")


class GatedBackend(OnnxRuntimeBackend):
    def load(self, data: GraphData, graph: GraphFile, mode: Mode, manifest: Manifest) -> Session:
        Path(os.environ["GATE"]).open("rb").close()
        return super().load(data, graph, mode, manifest)


def make_backend(settings: Settings) -> Backend:
    return GatedBackend(settings.executors or 1)


def main() -> int:
    if len(sys.argv) > 1:  # the supervisor's: a process of several
        return worker.main(make_backend)
    settings = Settings()
    configure_logging(settings.log_format, settings.log_level)
    if settings.workers > 1:
        return Supervisor(settings, COMMAND).run()
    app = create_app(settings, make_backend(settings))
    Server(make_config(with_middleware(app), app.state.service), app.state.service).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
