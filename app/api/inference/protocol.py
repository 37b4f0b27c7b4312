"""Speaks HTTP as uvicorn does, and hands every inference request to a DirectRequest.

A subclass of uvicorn's own protocol: connections, parsing, pipelining, keep-alive and shutdown are
uvicorn's, and so is every request that is no inference. What is taken from its inside is named
here.
"""

from typing import Any, cast
from urllib.parse import unquote_to_bytes

import httptools
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from app.api.inference.direct import DirectRequest, ResponseHeaders
from app.api.inference.routes import ROUTES, InferenceRoute
from app.service import Service

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Protocol(HttpToolsProtocol):
    """One connection; its `cycle` is a DirectRequest for an inference, else uvicorn's own."""

    def __init__(self, service: Service, **uvicorn: Any) -> None:
        super().__init__(**uvicorn)
        self._service = service
        self._current: DirectRequest | None = None  # whose turn it is; others are pipelined

    def on_headers_complete(self) -> None:
        route = self._find_route()
        if route is None:
            super().on_headers_complete()
            return
        request = DirectRequest(
            self._service,
            self,
            route,
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

    def _find_route(self) -> InferenceRoute | None:
        """Return the route that the request line names, whatever query follows it."""
        if self.parser.get_method() != b"POST" or self.parser.should_upgrade():
            return None
        route = ROUTES.get(self.url)
        if route is None and (b"?" in self.url or b"%" in self.url or self.url[:1] != b"/"):
            path = httptools.parse_url(self.url).path
            route = ROUTES.get(unquote_to_bytes(path or b""))
        return route

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        if isinstance(cycle, DirectRequest):  # pipelined; later, as many may be answered in a row
            self.loop.call_soon(self._begin, cycle)
        else:
            super()._start_asgi_task(cycle, app)

    def _begin(self, request: DirectRequest) -> None:
        if request.response_complete:  # its client has gone
            return
        self._current = request
        request.begin()
        self._answer_if_ready()

    def on_body(self, body: bytes) -> None:
        if not isinstance(self.cycle, DirectRequest):
            super().on_body(body)
        elif not self.cycle.response_complete:
            self.cycle.reader.receive(body)
            self._answer_if_ready()

    def on_message_complete(self) -> None:
        if not isinstance(self.cycle, DirectRequest):
            super().on_message_complete()
        elif not self.cycle.response_complete:
            self.cycle.reader.is_whole = True
            self._answer_if_ready()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._answer_if_ready()

    def _answer_if_ready(self) -> None:
        """Answer the request whose turn it is, unless its client reads no answers."""
        request = self._current
        if request is not None and request.is_ready and not self.flow.write_paused:
            request.answer()

    def send_continue(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(CONTINUE)

    def respond(
        self, status: int, headers: ResponseHeaders, body: bytes, *, keep_alive: bool
    ) -> None:
        """Write a request's answer at once, and go on to the next request."""
        self._current = None
        if not self.transport.is_closing():
            length = (b"content-length", str(len(body)).encode())
            parts = [STATUS_LINE[status]]
            for name, value in (*self.server_state.default_headers, *headers, length):
                parts += (name, b": ", value, b"\r\n")
            if not keep_alive:
                parts.append(b"connection: close\r\n")
            self.transport.write(b"".join((*parts, b"\r\n", body)))
            if not keep_alive:
                self.transport.close()
        self.on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        cycles: list[object] = [self._current, *(cycle for cycle, _ in self.pipeline)]
        super().connection_lost(exc)
        for request in cycles:
            if isinstance(request, DirectRequest):
                request.set()
