"""Records every request in metrics and log: its id, its labels, its time."""

import itertools
import logging
import re
import secrets
import time
from collections.abc import Mapping
from typing import Protocol

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.service import Service
from app.telemetry.metrics import Metrics

logger = logging.getLogger(__name__)

UNROUTED = "unrouted"
# In a request's state: a function that tells whether its answer is the last of its connection.
LEAVES = "leaves"
# There too: its trace, if it is traced.
TRACE = "trace"
_REQUEST_ID = re.compile(r"[\w.:-]{1,128}", re.ASCII)
# Random once a process, counted from there: an id for each request without asking the system.
_PROCESS = secrets.token_hex(4)
_COUNT = itertools.count(1)


class Trace(Protocol):
    """The trace that a request is part of, for what traces requests."""

    @property
    def trace_id(self) -> str: ...

    def end(self, request: "RequestLog", status: int) -> None:
        """Note that the request is answered."""


class RequestLog:
    """A request from its first byte to its answer.

    Attributes:
        route: its template, never the raw path: labels are bounded.
        model: that answers or refuses; None until it is known whether there is one.
        version: of the model that answers; empty while none is found.
        key: name of the caller's API key, never the key.
        stages: seconds that the request has spent in each.
        trace: of a request that is traced.
    """

    __slots__ = (
        "_method", "_metrics", "_started", "key", "model", "request_id", "route", "stages",
        "trace", "version",
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
        self.stages: Mapping[str, float] = {}
        self.trace: Trace | None = None
        metrics.requests_in_flight.inc()

    @property
    def ids(self) -> dict[str, str]:
        """What the request is found by: in answers that name an error, and in the log."""
        trace = {} if self.trace is None else {"trace_id": self.trace.trace_id}
        return {"request_id": self.request_id, **trace}

    def end(self, status: int) -> None:
        """Count and time the request, end its trace, and log it."""
        seconds = time.perf_counter() - self._started
        self._metrics.requests_in_flight.dec()
        series = self._metrics.count_request(
            self.route, self.model or "", self.version, status, seconds
        )
        if self.trace is not None:
            series.keep_exemplar(seconds, self.trace.trace_id)
            self.trace.end(self, status)
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
                    "version": self.version,
                    "key": self.key,
                    "status": status,
                    "seconds": round(seconds, 4),
                    **{f"{stage}_seconds": round(s, 5) for stage, s in self.stages.items()},
                    **self.ids,
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
        state = scope.setdefault("state", {})
        log.trace = state.get(TRACE)
        state["ids"] = log.ids
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
