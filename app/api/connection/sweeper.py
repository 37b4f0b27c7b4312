"""Ends connections whose time is over: one task for all, instead of timers for each."""

import asyncio
from collections.abc import Collection
from typing import Protocol

SWEEP_SECONDS = 0.5


class Sweepable(Protocol):
    """A connection that knows when it has taken too long."""

    def sweep(self, now: float) -> None:
        """End it if its time is over, on the event loop's clock."""
        ...


async def sweep(connections: Collection[Sweepable]) -> None:
    """Look at every connection again and again, until cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        now = loop.time()
        for connection in tuple(connections):
            connection.sweep(now)
