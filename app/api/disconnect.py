"""Stops work whose client has gone."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from starlette.requests import Request

from app.errors import Cancelled

T = TypeVar("T")

# Most requests end sooner than this, even under load, and watching costs a task each.
WATCH_AFTER_SECONDS = 0.25


async def until_disconnected(request: Request, work: Awaitable[T]) -> T:
    """Return what the work returns; cancel it and raise Cancelled if the client leaves first.

    The work runs in the caller's task, which is interrupted as `asyncio.timeout` does it.
    """
    watch = _Watch(request)
    timer = asyncio.get_running_loop().call_later(WATCH_AFTER_SECONDS, watch.start)
    try:
        return await work
    except asyncio.CancelledError:
        if watch.interrupted and watch.task.uncancel() <= watch.cancelling:
            raise Cancelled("the client closed the connection before the answer") from None
        raise
    finally:
        timer.cancel()
        watch.stop()


class _Watch:
    """Waits beside a task for its client to leave, and then interrupts the task."""

    def __init__(self, request: Request) -> None:
        task = asyncio.current_task()
        assert task is not None  # a request is always handled in a task
        self.task = task
        self.cancelling = task.cancelling()
        self.interrupted = False
        self._request = request
        self._watcher: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._watcher = asyncio.ensure_future(self._wait())

    def stop(self) -> None:
        if self._watcher is not None:
            self._watcher.cancel()
            self._watcher = None  # it knows this object too: leave no cycle to the collector

    async def _wait(self) -> None:
        while (await self._request.receive())["type"] != "http.disconnect":
            pass
        self.interrupted = True
        self.task.cancel()
