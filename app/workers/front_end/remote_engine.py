"""The engine process, as the HTTP side sees it."""

import time
from collections.abc import Callable, Sequence

from app.engine.batching.scheduler import Clock
from app.engine.interface import Pending, Run, Runner
from app.engine.models.servable import Servable
from app.engine.text.encoding import Encoding
from app.errors import NotReady
from app.workers.front_end.engine_client import ENGINE_AWAY, EngineClient, Question
from app.workers.front_end.remote_registry import Mirror
from app.workers.transport.frames import Kind, pack_submission


class RemoteSubmission(Pending):
    """The encodings of one request, asked of the engine process."""

    def __init__(self, question: Question, seconds: float, on_done: Callable[[], None]) -> None:
        super().__init__(seconds, on_done)
        self._question = question
        question.answer.add_done_callback(lambda _: self._finish())

    def _read(self) -> Run:
        run: Run = self._question.answer.result()
        return run

    def _drop(self) -> None:
        self._question.end()


class RemoteEngine(Runner):
    """Runs encodings in the engine process, in batches with those of all front ends."""

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

    def submit(
        self,
        servable: Servable,
        encodings: Sequence[Encoding],
        deadline: float,
        on_done: Callable[[], None],
    ) -> RemoteSubmission:
        number = self._mirror.number(servable)
        if number is None:
            raise NotReady(ENGINE_AWAY)
        question = self._client.ask(Kind.SUBMIT, pack_submission(number, deadline, encodings))
        return RemoteSubmission(question, deadline - self.clock(), on_done)
