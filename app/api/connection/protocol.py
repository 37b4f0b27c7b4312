"""Hands every inference request to a DirectRequest, in its turn; uvicorn runs the rest."""

from typing import Any, cast

from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from app.api.connection.life import LimitedProtocol
from app.api.connection.turns import Turns
from app.api.inference.direct import DirectRequest
from app.api.inference.routes import RouteTable
from app.api.inference.writer import Headers
from app.api.request_log import LEAVES
from app.errors import ClassmarkError
from app.service import Service

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Protocol(LimitedProtocol):
    """One connection; its `cycle` is a DirectRequest for an inference, else uvicorn's own."""

    def __init__(
        self,
        service: Service,
        max_connections: int,
        turns: Turns,
        routes: RouteTable,
        **uvicorn: Any,
    ) -> None:
        super().__init__(service, max_connections, **uvicorn)
        self._routes = routes
        self._turns = turns
        tracing = service.tracing
        self._make_request = DirectRequest if tracing is None else tracing.make_request
        self._current: DirectRequest | None = None  # whose turn it is; others are pipelined
        self._running: RequestResponseCycle | None = None  # the latest that uvicorn started

    @property
    def body_seconds(self) -> float:
        if isinstance(self.cycle, DirectRequest):
            return self.cycle.timeout_seconds
        return super().body_seconds

    def end_body(self, error: ClassmarkError) -> None:
        if isinstance(self.cycle, DirectRequest) and not self.cycle.response_complete:
            self.cycle.keep_alive = False
            self.cycle.fail(error)
        else:
            super().end_body(error)

    @property
    def may_probe(self) -> bool:
        return self._current is not None

    def on_headers_complete(self) -> None:
        if not self.take_head():
            return
        is_posted = self.parser.get_method() == b"POST"
        target = self._routes.find(self.url) if is_posted else None
        if target is None:
            self.scope["state"][LEAVES] = self.leaves
            super().on_headers_complete()
            return
        request: DirectRequest = self._make_request(
            self._service,
            self,
            target,
            dict(reversed(self.headers)),  # the first of a name counts
            keep_alive=self.parser.get_http_version() != "1.0" and self.parser.should_keep_alive(),
            expects_continue=self.expect_100_continue,
        )
        previous, self.cycle = self.cycle, cast(RequestResponseCycle, request)
        if previous is None or previous.response_complete:
            self._begin(request)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))

    def on_body(self, body: bytes) -> None:
        if not self.reads:
            return
        if not isinstance(self.cycle, DirectRequest):
            super().on_body(body)
        elif not self.cycle.response_complete:
            self.cycle.reader.receive(body)
            self._answer_if_ready()

    def on_message_complete(self) -> None:
        if self.reads and isinstance(self.cycle, DirectRequest):
            self._body_since = None
            if not self.cycle.response_complete:
                self.cycle.reader.is_whole = True
                if self._is_old:  # what came with it is to be read first: it may not be the last
                    self.loop.call_soon(self._answer_if_ready)
                else:
                    self._answer_if_ready()
        else:
            super().on_message_complete()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._answer_if_ready()

    def connection_lost(self, exc: Exception | None) -> None:
        cycles: list[object] = [self._current, *(cycle for cycle, _ in self.pipeline)]
        if self._running is not None:
            self._running.disconnected = True
        super().connection_lost(exc)
        for request in cycles:
            if isinstance(request, DirectRequest):
                request.set()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        if isinstance(cycle, DirectRequest):  # pipelined; later, as many may be answered in a row
            self.loop.call_soon(self._begin, cycle)
        else:
            self._running = cycle
            super()._start_asgi_task(cycle, app)

    def _begin(self, request: DirectRequest) -> None:
        if request.response_complete:  # its client has gone
            return
        self._current = request
        request.begin()
        self._answer_if_ready()

    def _answer_if_ready(self) -> None:
        """Answer the request whose turn it is, unless its client reads no answers."""
        request = self._current
        if request is not None and request.is_ready and not self.flow.write_paused:
            request.awaits_turn = True
            self._turns.take(request)

    def send_continue(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(CONTINUE)

    def respond(self, status: int, headers: Headers, body: bytes, *, keep_alive: bool) -> None:
        """Write a request's answer at once, and go on to the next request."""
        self._current = None
        keep_alive = keep_alive and not (self._is_old and self.leaves())
        self.write(status, headers, body, keep_alive=keep_alive)
        self.on_response_complete()
