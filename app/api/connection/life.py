"""The life of a connection: every wait for a client has an end, and what it sends has a limit.

uvicorn's protocol parses, pipelines and keeps alive; what is taken from its inside is named here.
"""

import logging
import math
import random
import socket
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from app.api.connection.upgrade import without_offer
from app.api.inference.writer import Headers
from app.api.problems import error_problem
from app.api.request_log import RequestLog
from app.errors import (
    ClassmarkError,
    HeadTooLarge,
    MalformedRequest,
    RequestTimeout,
    TooManyConnections,
)
from app.service import Service

logger = logging.getLogger(__name__)

# How long a client that still sends may take to read the answer that ends its connection.
LINGER_SECONDS = 2.0
PROBE = b"HTTP/1.1 "
# When to look whether a client has refused the probe; later the sweeper looks.
LOOK_AFTER_SECONDS = (0.01, 0.1)
# How far ages are spread, so that connections that came together do not leave together.
AGE_SPREAD = 0.2


class LimitedProtocol(HttpToolsProtocol):
    """uvicorn's protocol, within limits; `sweep` ends a connection whose time is over.

    Args:
        max_connections: at the same time, of all there are.
    """

    def __init__(self, service: Service, max_connections: int, **uvicorn: Any) -> None:
        super().__init__(**uvicorn)
        self.timeout_keep_alive = service.settings.keep_alive_seconds  # type: ignore[assignment]
        self._service = service
        self._settings = service.settings
        self._max_connections = max_connections
        self._head_bytes = 0
        self._old_at = math.inf
        self._is_old = False
        # Since when it waits: for a head, for a body, for an answer to be read, to be closed.
        self._head_since: float | None = None
        self._body_since: float | None = None
        self._write_since: float | None = None
        self._closing_since: float | None = None
        self._lingering_since: float | None = None
        self._half_closed = False
        self._probed = False
        self._rejected = False
        self._offers_upgrade = False

    @property
    def is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    @property
    def body_seconds(self) -> float:
        """How long the body of the request that is being read may take."""
        return self._settings.request_timeout_seconds

    def end_body(self, error: ClassmarkError) -> None:
        """Leave a client whose body does not come."""
        self.transport.close()

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._head_since = now = self.loop.time()
        if (age := self._settings.max_connection_seconds) > 0:
            self._old_at = now + age * random.uniform(1 - AGE_SPREAD, 1 + AGE_SPREAD)
        if len(self.connections) > self._max_connections:
            self._reject(TooManyConnections(self._max_connections))

    def leaves(self) -> bool:
        """Tell whether the next answer is the last: the connection is old and nothing else came."""
        more = self.pipeline or self._head_since is not None or self._body_since is not None
        return self._is_old and not more

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        if not self.reads_on:
            return
        if self._head_since is None and self._body_since is None and self.is_idle:
            self._head_since = self.loop.time()  # of a request that may begin with blank lines
        self._head_bytes += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as exc:
            self._go_on_without_offer(data[exc.args[0] :])
        except httptools.HttpParserError as exc:
            self._reject(MalformedRequest(str(exc)))
        if self._head_since is None:
            self._head_bytes = 0
        elif self._head_bytes > self._settings.max_head_bytes:
            self._reject(HeadTooLarge(self._settings.max_head_bytes))

    def eof_received(self) -> bool:  # type: ignore[override]
        """Answer what has come whole, though its client sends no more.

        A client that closed its side alone reads on; one that closed the connection does not. Both
        look alike until something is sent: the start of the answer, which is the same for all.
        """
        whole = self._body_since is None and self._head_since is None
        if self.is_idle or not whole:
            return False
        self.cycle.keep_alive = False
        self._half_closed = True
        if self.may_probe:
            self._probed = True
            self.transport.write(PROBE)
        for seconds in LOOK_AFTER_SECONDS:
            self.loop.call_later(seconds, self._end_if_gone)
        return True

    @property
    def may_probe(self) -> bool:
        """Whether the answer that comes next is written by `write`."""
        return False

    def _end_if_gone(self) -> None:
        """End a half-closed connection whose client refused what was sent."""
        if not self.transport.is_closing():
            sock = self.transport.get_extra_info("socket")
            if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                self.transport.abort()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._write_since = self.loop.time()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._write_since = None

    def sweep(self, now: float) -> None:
        """End the connection if it has waited for its client for too long."""
        settings, request_seconds = self._settings, self._settings.request_timeout_seconds
        self._is_old = now > self._old_at
        if self._half_closed:
            self._end_if_gone()
        if self._lingering_since is not None and now - self._lingering_since > LINGER_SECONDS:
            self.transport.close()
        if self.transport.is_closing():
            self._closing_since = self._closing_since or now
            if now - self._closing_since > request_seconds:
                self.transport.abort()
        elif self._write_since is not None and now - self._write_since > request_seconds:
            self.transport.abort()
        elif self._head_since is not None and now - self._head_since > settings.head_seconds:
            if self._head_bytes:
                self._reject(RequestTimeout("head", settings.head_seconds))
            else:
                self.transport.close()
        elif self._body_since is not None and now - self._body_since > self.body_seconds:
            self.end_body(RequestTimeout("body", self.body_seconds))

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head_since = self.loop.time()

    def take_head(self) -> bool:
        """Judge a head that is whole; return whether its request is to be read."""
        self._head_since = None
        # A head is no larger than what has come, which is known without adding it up.
        if self._head_bytes > self._settings.max_head_bytes < self._head_size():
            self._reject(HeadTooLarge(self._settings.max_head_bytes))
        self._offers_upgrade = self.parser.should_upgrade()
        if not self.reads:
            return False
        self._body_since = self.loop.time()
        return True

    def _head_size(self) -> int:
        return len(self.url) + sum(len(name) + len(value) for name, value in self.headers)

    @property
    def reads_on(self) -> bool:
        """Whether what comes is still looked at."""
        return not self._rejected and self._lingering_since is None

    @property
    def reads(self) -> bool:
        """Whether what the parser finds belongs to a request that is read."""
        return self.reads_on and not self._offers_upgrade

    def on_message_complete(self) -> None:
        if self.reads:
            self._body_since = None
            super().on_message_complete()

    def write(self, status: int, headers: Headers, body: bytes, *, keep_alive: bool) -> None:
        """Write an answer, unless the client has gone."""
        if self.transport.is_closing() or self._lingering_since is not None:
            return
        length = (b"content-length", str(len(body)).encode())
        line, self._probed = STATUS_LINE[status][len(PROBE) * self._probed :], False
        parts = [line]
        for name, value in (*self.server_state.default_headers, *headers, length):
            parts += (name, b": ", value, b"\r\n")
        if not keep_alive:
            parts.append(b"connection: close\r\n")
        self.transport.write(b"".join((*parts, b"\r\n", body)))
        if not keep_alive:
            self._leave()

    def _leave(self) -> None:
        """Close; but while the client still sends, only once it has had time to read the answer.

        Bytes that come to a closed socket make the system throw away what was not read yet.
        """
        if self._rejected or self._body_since is not None:
            self._lingering_since = self.loop.time()
            self.transport.write_eof()
        else:
            self.transport.close()

    def _go_on_without_offer(self, rest: bytes) -> None:
        """Read a request once more from its head on, without its offer of another protocol."""
        head = without_offer(self.parser.get_method(), self.url, self.headers)
        self.parser = httptools.HttpRequestParser(self)
        self.data_received(head + rest)

    def _reject(self, error: ClassmarkError) -> None:
        """Answer what is no request that anything here could take, and leave."""
        if self._rejected:
            return
        self._rejected = True
        self._head_since = self._body_since = None
        log = RequestLog(self._service.metrics, "", "")
        peer = self.client[0] if self.client else None
        logger.info("connection refused", extra={"peer": peer, "reason": str(error)})
        problem = error_problem(self._service.metrics, log.ids, error)
        headers = [(name.encode(), value.encode()) for name, value in problem.headers.items()]
        headers.append((b"x-request-id", log.request_id.encode()))
        self.write(problem.status, headers, problem.body, keep_alive=False)
        log.end(problem.status)
