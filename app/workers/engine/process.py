"""The engine process: owns device, models, queue and executors, and serves the front ends."""

import asyncio
import logging
import shutil
import socket
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from app import python_tuning
from app.engine.backends.base import Backend
from app.main import make_engine, running
from app.telemetry.metrics import Metrics
from app.workers.engine.front_end_session import Connection
from app.workers.engine.publisher import Publisher
from app.workers.supervisor_link import Assignment, Control

logger = logging.getLogger(__name__)


async def serve_engine(
    assignment: Assignment, control: Control, backends: Sequence[Backend]
) -> None:
    """Run what front ends submit until the supervisor says `stop`, or is gone.

    Front ends end first: what they have accepted is run before this process ends.
    """
    settings = assignment.read_settings()
    metrics = Metrics()
    engine = make_engine(settings, backends, metrics)
    started, stopped = asyncio.Event(), asyncio.Event()
    publisher = Publisher(engine, started.is_set)
    scans: set[asyncio.Task[None]] = set()

    def scan() -> None:
        scans.add(task := asyncio.create_task(engine.registry.scan()))
        task.add_done_callback(scans.discard)

    def on_started() -> None:
        started.set()
        python_tuning.freeze_loaded()

    commands = {"stop": stopped.set, "scan": scan}
    obeying = asyncio.create_task(control.follow(metrics.registry, commands))
    async with running(engine, settings, on_started):
        telling = asyncio.create_task(publisher.follow())
        server = await asyncio.get_running_loop().create_unix_server(
            lambda: Connection(engine, publisher).channel,
            sock=socket.socket(fileno=assignment.listener),
        )
        control.tell("listening")
        await stopped.wait()
        with suppress(TimeoutError):
            async with asyncio.timeout(settings.drain_seconds + settings.request_timeout_seconds):
                await publisher.until_alone()
        server.close()
        telling.cancel()
        obeying.cancel()
    # The supervisor removes it too, unless it was killed.
    shutil.rmtree(Path(assignment.engine_path).parent, ignore_errors=True)
    logger.info("stopped")
