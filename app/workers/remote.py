"""The engine process, as the HTTP side sees it."""

import asyncio
import time
from collections.abc import Sequence

from app.engine.engine import TIME_RAN_OUT, Run
from app.engine.scheduler import Clock
from app.engine.servable import Servable
from app.engine.tokenization import Encoding
from app.errors import DeadlineExceeded, NotReady
from app.workers.client import ENGINE_AWAY, EngineClient
from app.workers.mirror import Mirror
from app.workers.wire import Kind, pack_submission


class RemoteEngine:
    """Runs encodings in the engine process."""

    def __init__(self, client: EngineClient, mirror: Mirror) -> None:
        self._client = client
        self._mirror = mirror

    @property
    def clock(self) -> Clock:
        """The engine's: on one machine all processes share the monotonic clock."""
        return time.monotonic

    def check_admission(self, deadline: float) -> None:
        """Say nothing: only the engine knows its queue, and refuses where that is too long."""

    def unready_reason(self) -> str | None:
        return self._mirror.trouble

    async def run(self, servable: Servable, encodings: Sequence[Encoding], deadline: float) -> Run:
        """Run the encodings of one request, sharing batches with those of all front ends.

        Raises:
            Overloaded, NotReady: nothing was queued, or the engine ended.
            DeadlineExceeded, InferenceFailed: the other entries of the request are dropped.
        """
        number = self._mirror.number(servable)
        if number is None:
            raise NotReady(ENGINE_AWAY)
        question = self._client.ask(Kind.SUBMIT, pack_submission(number, deadline, encodings))
        try:
            async with asyncio.timeout(deadline - self.clock()):
                run: Run = await question.answer
                return run
        except TimeoutError:
            raise DeadlineExceeded(TIME_RAN_OUT) from None
        finally:
            question.end()
