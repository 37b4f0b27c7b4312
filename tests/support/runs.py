"""A run of encodings at an engine as one thing to await."""

import asyncio
from collections.abc import Sequence

from app.engine.batching.entry import Runnable
from app.engine.interface import RunResult
from app.engine.local import LocalEngine
from app.engine.text.encoding import Encoding


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
