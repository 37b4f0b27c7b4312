"""Implements one end of a connection between a front end and the engine."""

import asyncio
import logging
from collections.abc import Callable
from typing import cast

from app.workers.transport.frames import Frame, WireError, take_frames

logger = logging.getLogger(__name__)


class Channel(asyncio.Protocol):
    """Cuts incoming bytes into frames; invalid bytes end this connection only.

    Args:
        on_open: called with the channel once it can send.
        on_frame: called for each frame; may raise WireError for an invalid one.
        on_close: called once, when the connection is gone.
    """

    def __init__(
        self,
        on_open: Callable[["Channel"], None],
        on_frame: Callable[[Frame], None],
        on_close: Callable[[], None],
    ) -> None:
        self._on_open = on_open
        self._on_frame = on_frame
        self._on_close = on_close
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None

    @property
    def is_open(self) -> bool:
        return self._transport is not None

    def send(self, frame: Frame) -> None:
        """Send a frame; do nothing if the other end has gone: it waits for no answer.

        Raises:
            InvalidRequest: the frame is over the limit; nothing was sent.
        """
        data = frame.pack()
        if self._transport is not None:
            self._transport.write(data)

    def close(self) -> None:
        """End the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is not a subclass
        self._on_open(self)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        try:
            for frame in take_frames(self._buffer):
                self._on_frame(frame)
        except WireError as exc:
            logger.error("connection closed: what came is no frame", extra={"reason": str(exc)})
            self._buffer.clear()
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._on_close()
