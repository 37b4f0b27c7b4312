"""Runs the engine process: it owns device, models, queue and executors, and serves front ends."""

import asyncio
import logging
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from app import python_tuning
from app.background import OnDeath, start_task
from app.core import EngineCore, make_core, running
from app.engine.backends.base import Backend
from app.telemetry.metrics import Metrics
from app.tracing.start import start_tracing, stop_tracing
from app.workers.engine.front_end_session import FrontEndSession
from app.workers.engine.publisher import Publisher
from app.workers.supervisor_link import SupervisorLink, WorkerSpec

logger = logging.getLogger(__name__)


async def serve_engine(spec: WorkerSpec, supervisor: SupervisorLink, backend: Backend) -> int:
    """Run what front ends submit until the supervisor says `stop`, or is gone.

    Front ends end first: all that they accepted is run before this process ends.

    Returns:
        The exit code: not 0 if a task died that the engine cannot do without, so that the
        supervisor starts another.
    """
    settings = spec.settings
    metrics = Metrics()
    tracing = start_tracing(metrics)
    core = make_core(settings, backend, metrics, None if tracing is None else tracing.trace_batch)
    started, stopped = asyncio.Event(), asyncio.Event()
    faults, fatal = list[str](), list[str]()

    def trouble() -> str | None:
        return faults[0] if faults else core.engine.unready_reason()

    def end(reason: str) -> None:
        fatal.append(reason)
        stopped.set()

    def scan() -> None:
        start_task(core.scan(), "scanning the model store", faults.append)

    def on_started() -> None:
        started.set()
        python_tuning.freeze_loaded()

    publisher = Publisher(core.registry, started.is_set, trouble)
    orders = supervisor.follow(metrics.registry, {"stop": stopped.set, "scan": scan})
    obeying = start_task(orders, "obeying the supervisor", end)
    models = running(core, settings, on_started, faults.append)
    async with models, serving(core, publisher, spec.listener, end):
        supervisor.tell("listening")
        await stopped.wait()
        if not fatal:
            seconds = settings.drain_seconds + settings.request_timeout_seconds
            await publisher.wait_for_no_front_ends(seconds)
        obeying.cancel()
    await stop_tracing(tracing)
    if not fatal:
        _remove_socket(spec)
        logger.info("stopped")
    return 1 if fatal else 0


def _remove_socket(spec: WorkerSpec) -> None:
    """Remove the folder of the socket; the supervisor does so too, unless it was killed."""
    shutil.rmtree(Path(spec.engine_path).parent, ignore_errors=True)


@asynccontextmanager
async def serving(
    core: EngineCore, publisher: Publisher, listener: int, on_death: OnDeath
) -> AsyncIterator[None]:
    """Accept front ends and tell them of changes until the block ends."""
    publishing = start_task(publisher.follow(), "telling front ends of changes", on_death)
    server = await asyncio.get_running_loop().create_unix_server(
        lambda: FrontEndSession(core, publisher).channel, sock=socket.socket(fileno=listener)
    )
    try:
        yield
    finally:
        server.close()
        publishing.cancel()
