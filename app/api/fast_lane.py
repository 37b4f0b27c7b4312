"""A short way for plain valid requests; the framework's own takes every other.

Routing, dependencies and validation field by field cost the framework more than a short text costs
to encode. Here a body that is valid JSON for its schema goes straight to the endpoint. Whatever is
unusual, every invalid request above all, goes the framework's way and is answered there.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from app.api.deps import Service
from app.api.headers import header
from app.api.inference import classify, ner
from app.api.problems import on_bug, on_classmark_error, on_http_error
from app.errors import Cancelled, ClassmarkError
from app.schemas import ClassifyRequest, InferenceRequest, NerRequest

logger = logging.getLogger(__name__)

Endpoint = Callable[[Any, Request, Service, float], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Lane:
    """A route with what its endpoint takes: `body`, `request`, `service`, `deadline`."""

    path: str
    schema: type[InferenceRequest]
    endpoint: Endpoint


LANES = {
    lane.path: lane
    for lane in (
        Lane("/v1/classify", ClassifyRequest, classify),
        Lane("/v1/ner", NerRequest, ner),
    )
}


class FastLane:
    """Answers plain requests to the inference routes, and hands over all others."""

    def __init__(self, app: FastAPI, service: Service) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        lane = LANES.get(scope["path"]) if scope["type"] == "http" else None
        if lane is None or scope["method"] != "POST" or not _is_plain(scope):
            await self._app(scope, receive, send)
            return
        scope["app"], scope["route"] = self._app, lane
        request = Request(scope, receive)
        try:
            raw = await _read_body(receive)
            body = _parse(lane.schema, raw)
            if body is None:
                await self._app(scope, _replayed(raw, receive), send)
                return
            response = await self._answer(lane, body, request)
        except ClassmarkError as exc:
            response = await on_classmark_error(request, exc)
        except HTTPException as exc:
            response = await on_http_error(request, exc)
        except ClientDisconnect:
            gone = Cancelled("the client closed the connection before its whole body came")
            response = await on_classmark_error(request, gone)
        except Exception as exc:
            logger.exception("request failed", extra={"request_id": scope["state"]["request_id"]})
            response = await on_bug(request, exc)
        await response(scope, receive, send)

    async def _answer(self, lane: Lane, body: InferenceRequest, request: Request) -> Response:
        service = self._service
        key = header(request.scope, b"authorization")
        service.gate.check(key.decode("latin-1") if key else None, "predict")
        deadline = service.engine.clock() + service.settings.request_timeout_seconds
        return await lane.endpoint(body, request, service, deadline)


def _is_plain(scope: Scope) -> bool:
    json = header(scope, b"content-type").startswith(b"application/json")
    return json and not header(scope, b"x-request-timeout-seconds")


async def _read_body(receive: Receive) -> bytes:
    """Return the whole body; raise ClientDisconnect if its sender leaves before its end."""
    parts = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _parse(schema: type[InferenceRequest], raw: bytes) -> InferenceRequest | None:
    """Return the body, or None if it is not valid: the framework then says why."""
    try:
        return schema.model_validate_json(raw)
    except ValidationError:
        return None


def _replayed(raw: bytes, receive: Receive) -> Receive:
    """Return a `receive` that gives the body once more, and then what comes after it."""
    unread: list[Message] = [{"type": "http.request", "body": raw, "more_body": False}]

    async def replay() -> Message:
        return unread.pop() if unread else await receive()

    return replay
