"""HTTP as uvicorn speaks it, with a shorter way for plain inference requests.

A subclass of uvicorn's own protocol: connections, parsing, pipelining, keep-alive and shutdown are
uvicorn's, and so is every request that is not plain. What is taken from its inside is named here.
"""

from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from app.api.auth import Service
from app.api.inference.direct import Exchange, Headers
from app.api.inference.lanes import LANES


class Protocol(HttpToolsProtocol):
    """One connection; its `cycle` is an Exchange while a plain request is answered."""

    def __init__(self, service: Service, **uvicorn: Any) -> None:
        super().__init__(**uvicorn)
        self._service = service
        self._reading: Exchange | None = None

    def on_headers_complete(self) -> None:
        self._reading = exchange = self._open_exchange()
        if exchange is None:
            super().on_headers_complete()
        else:
            self.cycle = cast(RequestResponseCycle, exchange)

    def on_body(self, body: bytes) -> None:
        if self._reading is None:
            super().on_body(body)
        else:
            self._reading.receive(body)

    def on_message_complete(self) -> None:
        exchange, self._reading = self._reading, None
        if exchange is None:
            super().on_message_complete()
        else:
            exchange.answer()

    def _open_exchange(self) -> Exchange | None:
        """Return an exchange for the request whose headers are known, or None if it is not plain.

        Plain is a POST to an inference route whose body has a length within the limit and says it
        is JSON, of a client that reads its answers, with none before it on its way.
        """
        lane = LANES.get(self.url)
        busy = self.cycle is not None and not self.cycle.response_complete
        if lane is None or busy or self.flow.write_paused:
            return None
        if self.parser.get_method() != b"POST" or self.parser.get_http_version() != "1.1":
            return None
        headers = dict(reversed(self.headers))  # the first of a name counts
        if not self._is_plain(headers):
            return None
        keep_alive = self.parser.should_keep_alive()
        return Exchange(self._service, self, lane, headers, keep_alive=keep_alive)

    def _is_plain(self, headers: dict[bytes, bytes]) -> bool:
        length = headers.get(b"content-length", b"")
        return (
            headers.get(b"content-type", b"").startswith(b"application/json")
            and length.isdigit()
            and int(length) <= self._service.settings.max_body_bytes
            and not self.expect_100_continue
            and b"x-request-timeout-seconds" not in headers
            and not self.parser.should_upgrade()
        )

    def respond(self, status: int, headers: Headers, body: bytes, *, keep_alive: bool) -> None:
        """Write an exchange's answer at once, and go on to the next request."""
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

    def hand_over(self, body: bytes) -> None:
        """Answer the request the framework's way; its headers are still here."""
        super().on_headers_complete()
        super().on_body(body)
        super().on_message_complete()
