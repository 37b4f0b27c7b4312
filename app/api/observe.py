"""Around every request: its id, its metrics, and telling clients to leave while draining."""

import itertools
import logging
import re
import secrets
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.deps import Service
from app.api.headers import header

logger = logging.getLogger(__name__)

UNROUTED = "unrouted"
_REQUEST_ID = re.compile(r"[\w.:-]{1,128}")
# Random once a process, counted from there: an id for each request without asking the system.
_PROCESS = secrets.token_hex(4)
_COUNT = itertools.count(1)


class Observe:
    """Counts and times every request; labels are route templates, never raw paths."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        state = scope.setdefault("state", {})
        state["request_id"] = request_id = _request_id(scope)
        status = 0

        async def send_observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                added = [(b"x-request-id", request_id.encode())]
                if self._service.lifecycle.draining:
                    added.append((b"connection", b"close"))
                message["headers"] = [*message.get("headers", ()), *added]
            await send(message)

        self._service.metrics.requests_in_flight.inc()
        try:
            await self._app(scope, receive, send_observed)
        finally:
            self._service.metrics.requests_in_flight.dec()
            self._record(scope, status or 500, time.perf_counter() - started)

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", UNROUTED)
        model = scope["state"].get("model", "")
        self._service.metrics.count_request(route, model, status, seconds)
        # A probe's 503 is an answer, not a fault.
        faulty = status >= 500 and not route.startswith("/health")
        level = logging.WARNING if faulty else logging.DEBUG
        if logger.isEnabledFor(level):
            logger.log(
                level,
                "request",
                extra={
                    "method": scope["method"],
                    "route": route,
                    "model": model,
                    "status": status,
                    "seconds": round(seconds, 4),
                    "request_id": scope["state"]["request_id"],
                },
            )


def _request_id(scope: Scope) -> str:
    """Take the caller's id where it is harmless in a log line, else make one."""
    given = header(scope, b"x-request-id").decode("latin-1")
    return given if _REQUEST_ID.fullmatch(given) else f"{_PROCESS}-{next(_COUNT):x}"
