"""The engine's side of one front end: its requests, and the servables it may still name."""

import asyncio
import logging
from collections.abc import Awaitable
from functools import partial

from app.engine.interface import Pending
from app.engine.models.servable import Servable
from app.errors import ClassmarkError, NotReady, ReloadFailed
from app.main import LocalEngine
from app.workers.engine.publisher import Publisher, State
from app.workers.transport.channel import Channel
from app.workers.transport.frames import (
    Frame,
    Kind,
    WireError,
    pack_error,
    pack_json,
    pack_run,
    read_json,
    read_submission,
)

logger = logging.getLogger(__name__)


class Connection:
    """Runs what a front end submits; when it goes, what it had queued goes too.

    A servable is held from when the front end is told of it until the front end releases it, which
    it does when nothing there needs it any more: so the promise of one process, that a version
    lives as long as something in flight needs it, holds across processes.
    """

    def __init__(self, engine: LocalEngine, publisher: Publisher) -> None:
        self._engine = engine
        self._publisher = publisher
        self._servables: dict[int, Servable] = {}
        self._submissions: dict[int, Pending] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.applied = 0
        self.channel = Channel(self._opened, self._received, self._closed)

    def tell(self, state: State) -> None:
        """Send the servables the front end does not know, then the state that names them."""
        for servable in state.servables:
            published = self._publisher.packed(servable)
            if published.number not in self._servables:
                self._servables[published.number] = servable
                self._send(Kind.SERVABLE, published.number, published.payload)
        self._send(Kind.STATE, state.number, pack_json(state.fields))

    def _opened(self, _: Channel) -> None:
        self._publisher.add(self)

    def _closed(self) -> None:
        self._publisher.remove(self)
        for submission in self._submissions.values():
            submission.close()
        self._submissions.clear()
        self._servables.clear()
        self._start(self._publisher.note_applied())

    def _received(self, frame: Frame) -> None:
        match frame.kind:
            case Kind.SUBMIT:
                self._submit(frame)
            case Kind.CANCEL:
                submission = self._submissions.pop(frame.number, None)
                if submission is not None:
                    submission.close()
            case Kind.RELEASE:
                self._servables.pop(frame.number, None)
            case Kind.APPLIED:
                self.applied = frame.number
                self._start(self._publisher.note_applied())
            case Kind.RELOAD:
                fields = read_json(frame.payload)
                work = self._engine.registry.reload(str(fields.get("name")), fields.get("version"))
                self._start(self._administer(frame.number, work))
            case Kind.SCAN:
                self._start(self._administer(frame.number, self._engine.registry.scan()))
            case _:
                raise WireError(f"a frame of kind {frame.kind.name}, which only the engine sends")

    def _submit(self, frame: Frame) -> None:
        asked = read_submission(frame.payload)
        servable = self._servables.get(asked.servable)
        try:
            if servable is None:
                raise NotReady("the model's version is not loaded here; send the request again")
            self._submissions[frame.number] = self._engine.runner.submit(
                servable, asked.encodings, asked.deadline, partial(self._answer, frame.number)
            )
        except ClassmarkError as exc:
            self._send(Kind.ERROR, frame.number, pack_error(exc))

    def _answer(self, number: int) -> None:
        submission = self._submissions.pop(number)
        try:
            self._send(Kind.RESULT, number, pack_run(submission.result()))
        except ClassmarkError as exc:
            self._send(Kind.ERROR, number, pack_error(exc))
        finally:
            submission.close()

    async def _administer(self, number: int, work: Awaitable[object]) -> None:
        """Answer once every front end shows what has become of it."""
        error: ClassmarkError | None = None
        try:
            await work
        except ClassmarkError as exc:
            error = exc
        except Exception as exc:
            logger.exception("reload failed in an unforeseen way")
            error = ReloadFailed(f"{type(exc).__name__}: this is a bug; the engine's log has more")
        await self._publisher.everywhere()
        if error is None:
            self._send(Kind.DONE, number)
        else:
            self._send(Kind.ERROR, number, pack_error(error))

    def _send(self, kind: Kind, number: int, payload: bytes = b"") -> None:
        self.channel.send(Frame(kind, number, payload))

    def _start(self, work: Awaitable[None]) -> None:
        self._tasks.add(task := asyncio.ensure_future(work))
        task.add_done_callback(self._tasks.discard)
