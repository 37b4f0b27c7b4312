"""Refuses a body over the limit while the framework reads it.

The framework's own limit answers in plain text; this one raises where the body is read, so that the
answer is a problem like every other.
"""

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class BodyLimit:
    """Raises 413 inside `receive` as soon as the body is known to be over the limit."""

    def __init__(self, app: ASGIApp, max_body_bytes: int) -> None:
        self._app = app
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        promised = Headers(scope=scope).get("content-length", "")
        promised_bytes = int(promised) if promised.isdigit() else 0
        received_bytes = 0

        async def receive_limited() -> Message:
            nonlocal received_bytes
            if promised_bytes > self._max_body_bytes:
                raise HTTPException(413)
            message = await receive()
            received_bytes += len(message.get("body", b""))
            if received_bytes > self._max_body_bytes:
                raise HTTPException(413)
            return message

        await self._app(scope, receive_limited, send)
