"""Accepts all connections that wait at once, so that a flood of requests keeps nobody out."""

import asyncio
import logging
import socket
from collections.abc import Callable

logger = logging.getLogger(__name__)

# Connections accepted in one turn of the event loop; the loop itself would take one.
ACCEPT_AT_ONCE = 256
# How long to accept nothing where the system has no room for another connection.
PAUSE_SECONDS = 0.2


class Listener:
    """One listening socket; it has of asyncio's Server what uvicorn uses.

    Args:
        sock: bound, and listening or about to.
        make_protocol: makes the protocol of a connection.
    """

    def __init__(self, sock: socket.socket, make_protocol: Callable[[], asyncio.Protocol]) -> None:
        self.sockets = [sock]
        self._socket = sock
        self._make_protocol = make_protocol
        self._loop = asyncio.get_running_loop()
        self._opening: set[asyncio.Task[None]] = set()
        self._resuming: asyncio.TimerHandle | None = None
        sock.setblocking(False)
        sock.listen(2048)
        self._loop.add_reader(sock, self._accept)

    def close(self) -> None:
        """Accept nothing more."""
        if self._resuming is not None:
            self._resuming.cancel()
        self._loop.remove_reader(self._socket)
        self._socket.close()

    async def wait_closed(self) -> None:
        """Wait until what was accepted has a protocol."""
        if self._opening:
            await asyncio.wait(self._opening)

    def _accept(self) -> None:
        for _ in range(ACCEPT_AT_ONCE):
            try:
                connection, _ = self._socket.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as exc:  # no descriptor or no memory left
                logger.error("no connection can be accepted", extra={"reason": str(exc)})
                self._loop.remove_reader(self._socket)
                self._resuming = self._loop.call_later(PAUSE_SECONDS, self._resume)
                return
            connection.setblocking(False)
            self._opening.add(task := self._loop.create_task(self._open(connection)))
            task.add_done_callback(self._opening.discard)

    def _resume(self) -> None:
        self._loop.add_reader(self._socket, self._accept)

    async def _open(self, connection: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._make_protocol, connection)
        except OSError as exc:  # its client has gone again
            logger.debug("connection not opened", extra={"reason": str(exc)})
            connection.close()
