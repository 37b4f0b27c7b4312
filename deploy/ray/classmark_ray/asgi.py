"""Answers inference requests under any ASGI server, by the code that answers them under our own.

The application alone does not: `classmark serve` takes those requests off the socket itself.
"""

import asyncio
from functools import partial

from fastapi import FastAPI
from starlette.types import Message, Receive, Scope, Send

from app.api.dialects.registry import make_routes
from app.api.inference.direct import DirectRequest
from app.api.inference.writer import Headers
from app.main import with_middleware
from app.service import Service


class Answer:
    """Stands for the connection: keeps what is written to it.

    Attributes:
        written: status, headers and body.
    """

    def __init__(self) -> None:
        self.written: asyncio.Future[tuple[int, Headers, bytes]] = asyncio.Future()

    def send_continue(self) -> None:
        """Leave it to the server, which does so when the body is read."""

    def respond(self, status: int, headers: Headers, body: bytes, *, keep_alive: bool) -> None:
        length = (b"content-length", str(len(body)).encode())
        self.written.set_result((status, [*headers, length], body))


class InferenceApp:
    """The whole service as an ASGI application."""

    def __init__(self, app: FastAPI) -> None:
        self._service: Service = app.state.service
        self._others = with_middleware(app)
        self._routes = make_routes(self._service.settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._others(scope, receive, partial(self._send_when_loaded, send))
            return
        is_posted = scope["type"] == "http" and scope["method"] == "POST"
        target = self._routes.find(scope["path"].encode()) if is_posted else None
        if target is None:
            await self._others(scope, receive, send)
            return
        answer = Answer()
        headers = dict(reversed(scope["headers"]))  # the first of a name counts
        request = DirectRequest(
            self._service, answer, target, headers, keep_alive=True, expects_continue=False
        )
        request.begin()
        async with asyncio.TaskGroup() as group:  # what goes wrong in one ends the other
            listening = group.create_task(_listen(request, receive))
            status, fields, body = await answer.written
            listening.cancel()
        await send({"type": "http.response.start", "status": status, "headers": fields})
        await send({"type": "http.response.body", "body": body})

    async def _send_when_loaded(self, send: Send, message: Message) -> None:
        """Say that all has started once the models have: a host may send requests from then on."""
        if message["type"] == "lifespan.startup.complete":
            await self._service.lifecycle.moved.wait()
        await send(message)


async def _listen(request: DirectRequest, receive: Receive) -> None:
    """Hand a request its body, and then that its client has gone."""
    while not request.response_complete:
        message = await receive()
        if message["type"] == "http.disconnect":
            request.set()
            return
        request.reader.receive(message.get("body", b""))
        if not message.get("more_body", False):
            request.reader.is_whole = True
        if request.is_ready and not request.response_complete:
            request.awaits_turn = True
            request.answer()
