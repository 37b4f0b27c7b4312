"""A process of a service with several; started by the supervisor, never by hand."""

import asyncio
import signal
import socket
import sys
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any

from app import python_tuning
from app.engine.backends.base import Backend
from app.main import make_backends
from app.settings import Settings
from app.telemetry.logging import configure_logging
from app.workers.supervisor_link import Assignment, Control, Line

BackendsMaker = Callable[[Settings], Sequence[Backend]]


def main(make_backends: BackendsMaker = make_backends) -> int:
    """Be what the supervisor says, over the socket whose descriptor is the last argument."""
    # The supervisor alone decides when a process ends, and in which order.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    end = socket.socket(fileno=int(sys.argv[-1]))
    try:
        _run(_be_what_is_asked(end, make_backends))
    except (ValueError, OSError) as exc:
        sys.stderr.write(f"{exc}\n")
        return 2
    return 0


async def _be_what_is_asked(end: socket.socket, make_backends: BackendsMaker) -> None:
    line = await Line.open(end)
    message = await line.receive()
    if message is None:  # the supervisor ended meanwhile
        return
    assignment = Assignment(**message)
    settings = assignment.read_settings()
    python_tuning.tune()
    configure_logging(settings.log_format, settings.log_level, assignment.role)
    control = Control(line)
    if assignment.role == "engine":
        from app.workers.engine.process import serve_engine

        await serve_engine(assignment, control, make_backends(settings))
    else:
        from app.workers.front_end.process import serve_front_end

        await serve_front_end(assignment, control)
    control.close()


def _run(work: Coroutine[Any, Any, None]) -> None:
    """Run on uvloop where there is one, as uvicorn does."""
    factory = None
    with suppress(ImportError):
        import uvloop

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(work)


if __name__ == "__main__":
    sys.exit(main())
