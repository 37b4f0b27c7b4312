"""Records every request in metrics and log: its id, its labels, its time."""

import itertools
import logging
import re
import secrets
import time

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.service import Service
from app.telemetry.metrics import Metrics

logger = logging.getLogger(__name__)

UNROUTED = "unrouted"
# In a request's state: a function that tells whether its answer is the last of its connection.
LEAVES = "leaves"
_REQUEST_ID = re.compile(r"[\w.:-]{1,128}", re.ASCII)
# Random once a process, counted from there: an id for each request without asking the system.
_PROCESS = secrets.token_hex(4)
_COUNT = itertools.count(1)


class RequestLog:
    """A request from its first byte to its answer.

    Attributes:
        route: its template, never the raw path: labels are bounded.
        model: that answers or refuses; None until it is known whether there is one.
        version: of the model that answers; empty while none is found.
        key: name of the caller's API key, never the key.
    """

    __slots__ = (
        "_method", "_metrics", "_started", "key", "model", "request_id", "route", "version",
    )  # fmt: skip

    def __init__(self, metrics: Metrics, method: str, given_id: str) -> None:
        self._started = time.perf_counter()
        self._metrics = metrics
        self._method = method
        self.request_id = _request_id(given_id)
        self.route = UNROUTED
        self.model: str | None = None
        self.version = ""
        self.key = ""
        metrics.requests_in_flight.inc()

    def end(self, status: int) -> None:
        """Count and time the request, and log it."""
        seconds = time.perf_counter() - self._started
        self._metrics.requests_in_flight.dec()
        self._metrics.count_request(self.route, self.model or "", self.version, status, seconds)
        if self.key:
            self._metrics.count_key(self.key, status)
        # A probe's 503 is an answer, not a fault.
        faulty = status >= 500 and not self.route.startswith("/health")
        level = logging.WARNING if faulty else logging.DEBUG
        if logger.isEnabledFor(level):
            logger.log(
                level,
                "request",
                extra={
                    "method": self._method,
                    "route": self.route,
                    "model": self.model or "",
                    "key": self.key,
                    "status": status,
                    "seconds": round(seconds, 4),
                    "request_id": self.request_id,
                },
            )


class RequestLogMiddleware:
    """Records every request to the framework, and asks its client to leave where that is due.

    Labels are route templates, never raw paths.
    """

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given_id = Headers(scope=scope).get("x-request-id", "")
        log = RequestLog(self._service.metrics, scope["method"], given_id)
        scope.setdefault("state", {})["request_id"] = log.request_id
        if scope["method"] == "HEAD":  # as GET; the server leaves out the body
            scope = {**scope, "method": "GET"}
        status = 0

        async def send_observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                added = [(b"x-request-id", log.request_id.encode())]
                leaves = scope["state"].get(LEAVES)
                if self._service.lifecycle.draining or (leaves is not None and leaves()):
                    added.append((b"connection", b"close"))
                message["headers"] = [*message.get("headers", ()), *added]
            await send(message)

        try:
            await self._app(scope, receive, send_observed)
        finally:
            log.route = getattr(scope.get("route"), "path", UNROUTED)
            log.key = scope["state"].get("key", "")
            log.end(status or 500)


def _request_id(given: str) -> str:
    """Take the caller's id where it is harmless in a log line, else make one."""
    return given if _REQUEST_ID.fullmatch(given) else f"{_PROCESS}-{next(_COUNT):x}"
