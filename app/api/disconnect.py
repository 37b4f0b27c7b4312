"""Stops work whose client has gone."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.requests import Request

from app.errors import Cancelled

T = TypeVar("T")

# Most requests end sooner than this, and watching costs a task each.
WATCH_AFTER_SECONDS = 0.05


async def until_disconnected(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """Return what the work returns; cancel it and raise Cancelled if the client leaves first."""
    task = asyncio.ensure_future(work)
    try:
        done, _ = await asyncio.wait({task}, timeout=WATCH_AFTER_SECONDS)
        if done:
            return task.result()
        gone = asyncio.ensure_future(_disconnected(request))
        try:
            await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
        if task.done():
            return task.result()
        raise Cancelled("the client closed the connection before the answer")
    finally:
        task.cancel()


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
