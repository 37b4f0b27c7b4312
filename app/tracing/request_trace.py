"""Notes when a request enters which stage, and makes spans of that at its end."""

import time
from typing import NamedTuple

from opentelemetry.trace import SpanContext, SpanKind

from app.api.request_log import UNROUTED, RequestLog
from app.engine.interface import RunTrace
from app.telemetry.series import ModelLabels
from app.tracing.context import pack_place
from app.tracing.spans import Attributes, SpanMaker


class Stage(NamedTuple):
    """A child of the request's span.

    Attributes:
        times: its start and its end, in seconds of the monotonic clock.
        batches: that it links to.
        failed: the service is to blame that the request ended here.
    """

    name: str
    times: tuple[float, float]
    attributes: Attributes
    batches: tuple[bytes, ...] = ()
    failed: bool = False


class RequestTrace:
    """A request that is sampled.

    Attributes:
        context: place of the request's span.
    """

    __slots__ = (
        "_began_at", "_method", "_parent", "_spans", "_stage", "_stages", "_started_at", "context",
    )  # fmt: skip

    def __init__(
        self, spans: SpanMaker, method: str, context: SpanContext, parent: SpanContext | None
    ) -> None:
        self._spans = spans
        self._method = method
        self._parent = parent
        self.context = context
        self._stages: list[Stage] = []
        self._stage: str | None = None
        self._started_at = self._began_at = time.monotonic()

    @property
    def trace_id(self) -> str:
        return f"{self.context.trace_id:032x}"

    @property
    def place(self) -> bytes:
        """Where the request is in its trace, for the engine."""
        return pack_place(self.context)

    def enter(self, stage: str) -> None:
        """Note that a stage begins, and that the one before ends, if there is one."""
        self.leave()
        self._stage, self._began_at = stage, time.monotonic()

    def leave(self) -> None:
        """Note that the stage that has begun ends."""
        if self._stage is not None:
            self._stages.append(Stage(self._stage, (self._began_at, time.monotonic()), {}))
            self._stage = None

    def ran(self, run: RunTrace, labels: ModelLabels, tokens: int, windows: int) -> None:
        """Note what the engine tells of a run, instead of the stage that has begun."""
        self._stage = None
        described: Attributes = {
            "classmark.model": labels.model,
            "classmark.version": labels.version,
            "classmark.tokens": tokens,
            "classmark.windows": windows,
        }
        queued, ran = (run.submitted_at, run.last_started_at), (run.first_started_at, run.ended_at)
        self._stages.append(Stage("queue", queued, {}))
        self._stages.append(Stage("run", ran, described, run.batches))

    def end(self, request: RequestLog, status: int) -> None:
        """Export the request's spans; a stage that has not ended is where the request failed."""
        now, failed, context = time.monotonic(), status >= 500, self.context
        if self._stage is not None:
            why = {"error.type": str(status)}
            self._stages.append(Stage(self._stage, (self._began_at, now), why, failed=failed))
        for name, times, attributes, batches, stage_failed in self._stages:
            own = self._spans.new_context(context.trace_id, context.trace_state)
            self._spans.add(
                name, own, context, times, attributes, places=batches, failed=stage_failed
            )
        self._spans.add(
            self._method if request.route == UNROUTED else f"{self._method} {request.route}",
            context,
            self._parent,
            (self._started_at, now),
            _describe(request, self._method, status),
            kind=SpanKind.SERVER,
            failed=failed,
        )


def _describe(request: RequestLog, method: str, status: int) -> dict[str, str | int]:
    """Return attributes by OpenTelemetry's conventions, without the path: it may be anything."""
    attributes: dict[str, str | int] = {
        "http.request.method": method,
        "http.response.status_code": status,
        "url.scheme": "http",
        "classmark.request_id": request.request_id,
    }
    if request.route != UNROUTED:
        attributes["http.route"] = request.route
    if request.model:
        attributes["classmark.model"] = request.model
    if request.version:
        attributes["classmark.version"] = request.version
    if status >= 500:
        attributes["error.type"] = str(status)
    return attributes
