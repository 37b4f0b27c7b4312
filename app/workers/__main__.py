"""Starts one process of a service with several; only the supervisor runs it."""

import signal
import socket
import sys
from collections.abc import Callable

import uvloop

from app import python_tuning
from app.core import make_backend
from app.engine.backends.base import Backend
from app.settings.settings import Settings
from app.telemetry.logging import configure_logging
from app.workers.supervisor_link import SPEC, Link, SupervisorLink

BackendMaker = Callable[[Settings], Backend]


def main(make_backend: BackendMaker = make_backend) -> int:
    """Take the role that the supervisor sends; the last argument is its socket's descriptor."""
    # Only the supervisor decides when processes end, and in which order.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    end = socket.socket(fileno=int(sys.argv[-1]))
    try:
        return uvloop.run(_serve(end, make_backend))
    except (ValueError, OSError) as exc:
        sys.stderr.write(f"{exc}\n")
        return 2


async def _serve(end: socket.socket, make_backend: BackendMaker) -> int:
    link = await Link.open(end)
    message = await link.receive()
    if message is None:  # the supervisor ended meanwhile
        return 0
    spec = SPEC.validate_python(message)
    settings = spec.settings
    python_tuning.tune()
    configure_logging(settings.log_format, settings.log_level, spec.role)
    supervisor = SupervisorLink(link)
    try:
        if spec.role == "engine":
            from app.workers.engine.process import serve_engine

            return await serve_engine(spec, supervisor, make_backend(settings))
        from app.workers.front_end.process import serve_front_end

        return await serve_front_end(spec, supervisor)
    finally:
        supervisor.close()


if __name__ == "__main__":
    sys.exit(main())
