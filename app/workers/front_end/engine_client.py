"""A front end's side of the engine: questions with their answers, over one connection at a time."""

import asyncio
import itertools
import logging
from dataclasses import dataclass
from typing import Any

from app.errors import NotReady
from app.workers.transport.channel import Channel
from app.workers.transport.frames import Frame, Kind, WireError, read_error, read_run

logger = logging.getLogger(__name__)

_NUMBERS = 2**32
ENGINE_GONE = (
    "the engine process ended before it had answered and is being restarted; send the request "
    "again in a few seconds"
)
ENGINE_AWAY = "the engine process is being started; send the request again in a few seconds"


@dataclass(frozen=True, slots=True, eq=False)
class Link:
    """One connection to the engine.

    Attributes:
        news: what the engine tells unasked, in order; None once the connection is gone.
    """

    channel: Channel
    news: asyncio.Queue[Frame | None]

    def send(self, kind: Kind, number: int) -> None:
        """Send a frame that is a number alone."""
        self.channel.send(Frame(kind, number))


class EngineClient:
    """Asks the engine; a connection that ends fails what was asked over it, and nothing else."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._link: Link | None = None

    async def connect(self) -> Link:
        """Connect to the engine; raise OSError where that is impossible."""
        news: asyncio.Queue[Frame | None] = asyncio.Queue()

        def closed() -> None:
            self._link = None
            news.put_nowait(None)
            self._fail_all()

        channel = Channel(lambda _: None, lambda frame: self._received(frame, news), closed)
        await asyncio.get_running_loop().create_unix_connection(lambda: channel, self._path)
        link = Link(channel, news)
        if channel.is_open:
            self._link = link
        return link

    def ask(self, kind: Kind, payload: bytes) -> "Question":
        """Send a question.

        Raises:
            NotReady: there is no engine now.
            InvalidRequest: the question is too large to send.
        """
        if self._link is None:
            raise NotReady(ENGINE_AWAY)
        number = next(self._numbers) % _NUMBERS
        self._link.channel.send(Frame(kind, number, payload))
        answer = asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        return Question(self, self._link, number, answer)

    def forget(self, number: int) -> None:
        self._answers.pop(number, None)

    def close(self) -> None:
        if self._link is not None:
            self._link.channel.close()

    def _received(self, frame: Frame, news: asyncio.Queue[Frame | None]) -> None:
        if frame.kind in (Kind.SERVABLE, Kind.STATE):
            news.put_nowait(frame)
            return
        answer = self._answers.get(frame.number)
        if answer is None or answer.done():  # it came too late: nobody waits any more
            return
        match frame.kind:
            case Kind.RESULT:
                answer.set_result(read_run(frame.payload))
            case Kind.ERROR:
                answer.set_exception(read_error(frame.payload))
            case Kind.DONE:
                answer.set_result(None)
            case _:
                raise WireError(f"a frame of kind {frame.kind.name}, which only front ends send")

    def _fail_all(self) -> None:
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(NotReady(ENGINE_GONE))


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """Something asked of the engine."""

    client: EngineClient
    link: Link
    number: int
    answer: asyncio.Future[Any]

    def end(self) -> None:
        """Forget the question; if it has no answer yet, the engine need not work on it."""
        self.client.forget(self.number)
        self.answer.cancel()
        if self.answer.cancelled():
            self.link.send(Kind.CANCEL, self.number)
        else:
            self.answer.exception()  # looked at, or asyncio reports it as missed
