"""Runs uvicorn so that it accepts fairly, drains before it stops, and always stops."""

import asyncio
import logging
import math
import os
import resource
import socket
import sys
from functools import partial
from types import FrameType
from typing import cast

import uvicorn
from starlette.types import ASGIApp
from uvicorn.config import STARTUP_FAILURE

from app.api.connection.listener import Listener
from app.api.connection.protocol import Protocol
from app.api.connection.turns import Turns
from app.api.dialects.registry import make_routes
from app.background import start_task
from app.ports import listen
from app.service import Service
from app.settings import Settings
from app.telemetry.logging import log_address

logger = logging.getLogger(__name__)

SWEEP_SECONDS = 0.5
# Descriptors that stay free for files, sockets between processes and the like.
SPARE_DESCRIPTORS = 24


class Server(uvicorn.Server):
    """uvicorn that drains first: it goes on answering while it asks clients to leave."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service
        self._loop: asyncio.AbstractEventLoop | None = None

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        connections = self.server_state.connections
        self._service.metrics.connections.set_function(lambda: len(connections))
        sweeping = start_task(
            self._sweep(), "ending connections whose time is over", self._service.report_fault
        )
        await super().serve(sockets)
        sweeping.cancel()

    async def _sweep(self) -> None:
        """End connections whose time is over: one task for all, instead of timers for each."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            now = asyncio.get_running_loop().time()
            for connection in tuple(self.server_state.connections):
                cast(Protocol, connection).sweep(now)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        settings = self._service.settings
        bound = sockets or listen(settings.host, settings.port)
        await self.lifespan.startup()
        if self.lifespan.should_exit:
            sys.exit(STARTUP_FAILURE)
        self.servers = []
        self.started = True
        if settings.wait_for_models:
            await self._wait_for_models()
        if not self.should_exit:
            self.servers = [Listener(one, self._make_protocol) for one in bound]  # type: ignore[misc]
            self._announce()

    async def _wait_for_models(self) -> None:
        """Wait for the end of the first look at the store; stop at once if told to meanwhile."""
        logger.info("port stays shut until the models are loaded")
        await self._service.lifecycle.moved.wait()
        if self._service.lifecycle.draining:
            self.stop()

    def _make_protocol(self) -> asyncio.Protocol:
        make = self.config.http_protocol_class
        return make(  # type: ignore[call-arg]
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )

    def _announce(self) -> None:
        """Log the addresses of the service."""
        for server in self.servers:
            for listener in server.sockets:
                log_address(*listener.getsockname()[:2])

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to drain at the first signal; stop at once at the second."""
        assert self._loop is not None  # signals are captured inside serve()
        self._loop.call_soon_threadsafe(self.drain)

    def drain(self) -> None:
        """Turn readiness off, answer for a while longer, then stop; stop at once if draining."""
        if self._service.lifecycle.draining:
            logger.warning("stopped at once, what was accepted is dropped")
            logging.shutdown()
            os._exit(1)
        self._service.lifecycle.drain()
        seconds = self._service.settings.drain_seconds
        logger.info("draining", extra={"seconds": seconds})
        asyncio.get_running_loop().call_later(seconds, self.stop)

    def stop(self) -> None:
        """Accept nothing new, answer what was accepted, and end."""
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer what was accepted; leave whatever has not ended by a request's time limit."""
        seconds = self._service.settings.request_timeout_seconds
        asyncio.get_running_loop().call_later(seconds, self._abort_connections)
        await super().shutdown(sockets)

    def _abort_connections(self) -> None:
        for connection in tuple(self.server_state.connections):
            connection.transport.abort()


def max_connections(settings: Settings) -> int:
    """Return how many connections there may be; they end before this process's descriptors do."""
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(1, min(settings.max_connections, descriptors - SPARE_DESCRIPTORS))


def make_config(app: ASGIApp, service: Service) -> uvicorn.Config:
    """Return uvicorn's configuration: our protocol, no log and no header of its own.

    Args:
        app: answers everything but inference requests.
    """
    settings = service.settings
    turns = Turns(settings.max_queue_seconds)
    own = max_connections(settings), turns, make_routes(settings)
    protocol = partial(Protocol, service, *own)
    return uvicorn.Config(
        app,
        http=cast(type[asyncio.Protocol], protocol),
        timeout_graceful_shutdown=math.ceil(settings.request_timeout_seconds) + 1,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )
