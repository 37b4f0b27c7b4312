"""A front-end process: the whole HTTP side, feeding the engine process."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import FrameType

import uvicorn
from fastapi import FastAPI

from app import python_tuning
from app.api.auth import Service
from app.main import build_app, front, make_service
from app.server import Server, make_config
from app.telemetry.metrics import Metrics
from app.workers.front_end.engine_client import EngineClient
from app.workers.front_end.remote_engine import RemoteEngine
from app.workers.front_end.remote_registry import Mirror
from app.workers.supervisor.ports import listen_too
from app.workers.supervisor_link import Assignment, Control

logger = logging.getLogger(__name__)

LISTEN_WITHIN_SECONDS = 1.0


async def serve_front_end(assignment: Assignment, control: Control) -> None:
    """Answer HTTP until the supervisor says `drain`, or is gone."""
    settings = assignment.read_settings()
    metrics = Metrics()
    client = EngineClient(assignment.engine_path)

    started = asyncio.Event()

    def on_started() -> None:
        service.lifecycle.started = True
        python_tuning.freeze_loaded()
        started.set()
        control.tell("started", models=[f"{s.name}/{s.version}" for s in mirror.serving])

    mirror = Mirror(client, metrics, on_started)
    engine = RemoteEngine(client, mirror)
    service = make_service(settings, metrics, engine, mirror, control.exposition)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        following = asyncio.create_task(mirror.follow())
        # One that replaces another takes no connection before it can answer; while an engine loads
        # its first models, liveness is answered all the same.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(started.wait(), LISTEN_WITHIN_SECONDS)
        yield
        following.cancel()
        client.close()
        with contextlib.suppress(asyncio.CancelledError):
            await following
        logger.info("stopped")

    app = build_app(service, lifespan)
    server = FrontEndServer(make_config(front(app), service), service, control)
    commands = {"drain": server.drain, "stop": server.stop}
    obeying = asyncio.create_task(control.follow(metrics.registry, commands))
    await server.serve([listen_too(*address) for address in assignment.addresses])
    obeying.cancel()


class FrontEndServer(Server):
    """Drains at the supervisor's word alone.

    A signal to a process group or a control group reaches every process, but the engine must go
    last, so the supervisor keeps the order.
    """

    def __init__(self, config: uvicorn.Config, service: Service, control: Control) -> None:
        super().__init__(config, service)
        self._control = control

    def _announce(self) -> None:
        self._control.tell("listening")

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Leave signals to the supervisor."""
