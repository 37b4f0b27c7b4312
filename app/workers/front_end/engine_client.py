"""Calls the engine from a front end and matches answers to calls, one connection at a time."""

import asyncio
import itertools
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.errors import NotReady
from app.workers.transport.channel import Channel
from app.workers.transport.frames import Frame, Kind, WireError
from app.workers.transport.results import read_error, read_run
from app.workers.transport.submissions import pack_together

logger = logging.getLogger(__name__)

_NUMBERS = 2**32
ENGINE_GONE = (
    "the engine process ended before it had answered and is being restarted; send the request "
    "again in a few seconds"
)
ENGINE_AWAY = "the engine process is being started; send the request again in a few seconds"


@dataclass(frozen=True, slots=True, eq=False)
class EngineConnection:
    """One connection to the engine.

    Attributes:
        news: frames the engine sends unasked, in order; None once the connection is gone.
    """

    channel: Channel
    news: asyncio.Queue[Frame | None]

    def send(self, kind: Kind, number: int) -> None:
        """Send a frame without a payload."""
        self.channel.send(Frame(kind, number))


class EngineClient:
    """Calls the engine; when a connection ends, only the calls made over it fail."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._connection: EngineConnection | None = None
        self._wait_seconds = self._wait_known_at = 0.0
        self._heard_at = time.monotonic()

    async def connect(self) -> EngineConnection:
        """Connect to the engine; raise OSError where that fails."""
        news: asyncio.Queue[Frame | None] = asyncio.Queue()

        def closed() -> None:
            self._connection = None
            news.put_nowait(None)
            self._fail_all()

        channel = Channel(lambda _: None, lambda frame: self._received(frame, news), closed)
        await asyncio.get_running_loop().create_unix_connection(lambda: channel, self._path)
        link = EngineConnection(channel, news)
        self._heard_at = time.monotonic()
        if channel.is_open:
            self._connection = link
        return link

    @property
    def is_connected(self) -> bool:
        return self._connection is not None

    @property
    def silent_seconds(self) -> float:
        """How long the engine has said nothing, though it tells every second that it lives."""
        return time.monotonic() - self._heard_at if self.is_connected else 0.0

    @property
    def expected_wait_seconds(self) -> float:
        """The wait that the engine last reported, less the time that has passed since."""
        return max(0.0, self._wait_seconds - (time.monotonic() - self._wait_known_at))

    def _note_wait(self, seconds: float) -> None:
        self._wait_seconds, self._wait_known_at = seconds, time.monotonic()

    def call(self, kind: Kind, payload: bytes) -> "PendingCall":
        """Send a call.

        Raises:
            NotReady: there is no engine now.
            InvalidRequest: the call is too large to send.
        """
        link = self._connected()
        number = next(self._numbers) % _NUMBERS
        link.channel.send(Frame(kind, number, payload))
        return self._expect(number, link)

    def submit_together(self, submissions: Sequence[bytes]) -> list["PendingCall"]:
        """Send submissions that the engine takes all or none of; each gets its own answer.

        Raises:
            NotReady: there is no engine now.
            InvalidRequest: they are too large to send.
        """
        link = self._connected()
        numbered = {next(self._numbers) % _NUMBERS: one for one in submissions}
        link.channel.send(Frame(Kind.SUBMIT_TOGETHER, 0, pack_together(numbered)))
        return [self._expect(number, link) for number in numbered]

    def _connected(self) -> EngineConnection:
        if self._connection is None:
            raise NotReady(ENGINE_AWAY)
        return self._connection

    def _expect(self, number: int, link: EngineConnection) -> "PendingCall":
        answer = asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        return PendingCall(self, link, number, answer)

    def forget(self, number: int) -> None:
        self._answers.pop(number, None)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.channel.close()

    def _received(self, frame: Frame, news: asyncio.Queue[Frame | None]) -> None:
        self._heard_at = time.monotonic()
        if frame.kind == Kind.TICK:
            return
        if frame.kind in (Kind.SERVABLE, Kind.STATE):
            news.put_nowait(frame)
            return
        answer = self._answers.get(frame.number)
        if answer is None or answer.done():  # too late: nobody waits any more
            return
        match frame.kind:
            case Kind.RESULT:
                run, wait_seconds = read_run(frame.payload)
                self._note_wait(wait_seconds)
                answer.set_result(run)
            case Kind.ERROR:
                error, wait_seconds = read_error(frame.payload)
                self._note_wait(wait_seconds)
                answer.set_exception(error)
            case Kind.DONE:
                answer.set_result(None)
            case _:
                raise WireError(f"a frame of kind {frame.kind.name}, which only front ends send")

    def _fail_all(self) -> None:
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(NotReady(ENGINE_GONE))


@dataclass(frozen=True, slots=True, eq=False)
class PendingCall:
    """A call that the engine has not answered yet."""

    client: EngineClient
    link: EngineConnection
    number: int
    answer: asyncio.Future[Any]

    def end(self) -> None:
        """Forget the call; if it has no answer yet, cancel it in the engine."""
        self.client.forget(self.number)
        self.answer.cancel()
        if self.answer.cancelled():
            self.link.send(Kind.CANCEL, self.number)
        else:
            self.answer.exception()  # retrieve it, or asyncio reports that nobody did
