"""Traces requests that are no inference, where their caller says so: probes and pages do not."""

from collections.abc import Callable, Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.request_log import TRACE
from app.tracing.context import RESPONSE_HEADER, write_response
from app.tracing.request_trace import RequestTrace


class TraceMiddleware:
    """Stands before what records requests and ends their traces."""

    def __init__(
        self, app: ASGIApp, begin: Callable[[str, Mapping[bytes, bytes]], RequestTrace | None]
    ) -> None:
        self._app = app
        self._begin = begin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"]) if scope["type"] == "http" else {}
        trace = self._begin(scope["method"], headers) if b"traceparent" in headers else None
        if trace is None:
            await self._app(scope, receive, send)
            return
        scope.setdefault("state", {})[TRACE] = trace
        response = (RESPONSE_HEADER, write_response(trace.context))

        async def send_traced(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), response]
            await send(message)

        await self._app(scope, receive, send_traced)
