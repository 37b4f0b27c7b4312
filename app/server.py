"""Runs uvicorn so that it drains before it stops."""

import asyncio
import logging
import socket
from functools import partial
from types import FrameType
from typing import cast

import uvicorn
from starlette.types import ASGIApp

from app.api.inference.protocol import Protocol
from app.service import Service
from app.telemetry.logging import log_address

logger = logging.getLogger(__name__)


class Server(uvicorn.Server):
    """uvicorn that drains first: it goes on answering while it asks clients to leave."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service
        self._loop: asyncio.AbstractEventLoop | None = None

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().serve(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._announce()

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
            self.force_exit = self.should_exit = True
            return
        self._service.lifecycle.draining = True
        seconds = self._service.settings.drain_seconds
        logger.info("draining", extra={"seconds": seconds})
        asyncio.get_running_loop().call_later(seconds, self.stop)

    def stop(self) -> None:
        """Accept nothing new, answer what was accepted, and end."""
        self.should_exit = True


def make_config(app: ASGIApp, service: Service) -> uvicorn.Config:
    """Return uvicorn's configuration: our protocol, no log and no header of its own.

    Args:
        app: answers everything but inference requests.
    """
    return uvicorn.Config(
        app,
        service.settings.host,
        service.settings.port,
        http=cast(type[asyncio.Protocol], partial(Protocol, service)),
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )
