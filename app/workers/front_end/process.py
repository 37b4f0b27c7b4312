"""Runs a front-end process: the whole HTTP side, feeding the engine process."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI

from app import python_tuning
from app.api.connection.server import Server, make_config
from app.background import OnDeath, start_task
from app.engine.admission import Admission
from app.main import build_app, make_service, with_middleware
from app.ports import listen_too
from app.service import Peers, Service
from app.telemetry.metrics import Metrics
from app.tracing.start import start_tracing, stop_tracing
from app.workers.front_end.engine_client import EngineClient
from app.workers.front_end.remote_engine import RemoteEngine
from app.workers.front_end.remote_registry import RemoteRegistry
from app.workers.supervisor_link import SupervisorLink, WorkerSpec

logger = logging.getLogger(__name__)

LISTEN_WITHIN_SECONDS = 1.0


async def serve_front_end(spec: WorkerSpec, supervisor: SupervisorLink) -> int:
    """Answer HTTP until the supervisor says `drain`, or is gone.

    Returns:
        The exit code: not 0 if a task died that the front end cannot do without, so that the
        supervisor starts another.
    """
    settings = spec.settings
    metrics = Metrics()
    client = EngineClient(spec.engine_path)
    started, fatal = asyncio.Event(), list[str]()

    def on_started() -> None:
        service.lifecycle.start()
        python_tuning.freeze_loaded()
        started.set()
        supervisor.tell("started", models=[f"{s.name}/{s.version}" for s in registry.serving])

    registry = RemoteRegistry(client, metrics, on_started)
    door = Admission(settings.max_queue_seconds, doors=settings.workers)
    engine = RemoteEngine(client, registry, door)
    parts = engine, registry, spec.authorizer, supervisor.exposition
    tracing, peers = start_tracing(metrics), SupervisedPeers(supervisor)
    service = make_service(settings, metrics, *parts, tracing, peers)

    def end(reason: str) -> None:
        fatal.append(reason)
        service.report_fault(reason)
        server.stop()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with following(client, registry, started, end):
            yield
        service.text_pool.close()
        await stop_tracing(tracing)
        logger.info("stopped")

    app = build_app(service, lifespan)
    server = FrontEndServer(make_config(with_middleware(app), service), service, supervisor)
    orders = supervisor.follow(metrics.registry, server.commands, peers.shares)
    obeying = start_task(orders, "obeying the supervisor", end)
    await server.serve([listen_too(*address) for address in spec.addresses])
    obeying.cancel()
    return 1 if fatal else 0


@asynccontextmanager
async def following(
    client: EngineClient, registry: RemoteRegistry, started: asyncio.Event, on_death: OnDeath
) -> AsyncIterator[None]:
    """Follow the engine until the block ends, then leave it.

    The block begins when its models are known, or soon: a replacement accepts no connection before
    it can answer, but while an engine loads its first models, liveness must be answered.
    """
    task = start_task(registry.follow(), "following the engine", on_death)
    try:
        with suppress(TimeoutError):
            await asyncio.wait_for(started.wait(), LISTEN_WITHIN_SECONDS)
        yield
    finally:
        task.cancel()
        client.close()
        await asyncio.wait([task])


class SupervisedPeers(Peers):
    """All front ends; the supervisor asks each."""

    def __init__(self, supervisor: SupervisorLink) -> None:
        super().__init__()
        self._supervisor = supervisor

    async def gather(self, name: str, asked: dict[str, Any]) -> list[Any]:
        return await self._supervisor.gather(name, asked)


class FrontEndServer(Server):
    """Drains only when the supervisor says so.

    A signal to a process group or a control group reaches every process, but the engine must end
    last, so the supervisor keeps the order.

    Attributes:
        commands: of the supervisor.
    """

    def __init__(
        self, config: uvicorn.Config, service: Service, supervisor: SupervisorLink
    ) -> None:
        super().__init__(config, service)
        self._supervisor = supervisor
        self.commands = {"drain": self.drain, "stop": self.stop}

    def _announce(self) -> None:
        self._supervisor.tell("listening")

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Leave signals to the supervisor."""
