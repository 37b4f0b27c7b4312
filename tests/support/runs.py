"""An engine that runs, and a run of encodings on it as one thing to await."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from app.engine.batching.entry import Runnable
from app.engine.interface import RunResult
from app.engine.local import LocalEngine
from app.engine.text.encoding import Encoding
from app.telemetry.metrics import Metrics
from tests.support.fakes import FakeServable


@asynccontextmanager
async def running(executors: int = 1, max_queue_seconds: float = 1e9) -> AsyncIterator[LocalEngine]:
    """Run an engine until the block ends."""
    engine = LocalEngine(executors, max_queue_seconds, Metrics())
    engine.start()
    try:
        yield engine
    finally:
        await engine.stop()


async def until_running(servable: FakeServable) -> None:
    """Wait until an executor runs the servable."""
    assert await asyncio.to_thread(servable.entered.acquire, timeout=30)


async def run(
    engine: LocalEngine, servable: Runnable, encodings: Sequence[Encoding], deadline: float
) -> RunResult:
    """Submit, and wait for the result; raise the first failure."""
    done = asyncio.get_running_loop().create_future()

    def on_done() -> None:
        if not done.cancelled():
            done.set_result(None)

    pending = engine.submit(servable, encodings, deadline, on_done)
    try:
        await done
        result = pending.result()
        for failure in result.failures.values():
            raise failure
        return result
    finally:
        pending.close()
