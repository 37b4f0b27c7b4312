"""Serves one front end from the engine: its requests, and the servables it still uses."""

import logging
from collections.abc import Awaitable, Coroutine, Mapping
from functools import partial
from typing import Any

from app.background import start_task
from app.core import EngineCore
from app.engine.interface import PendingRun, RunRequest
from app.engine.models.servable import Servable
from app.errors import ClassmarkError, NotReady, ReloadFailed
from app.workers.engine.publisher import Publisher, State
from app.workers.transport.channel import Channel
from app.workers.transport.frames import Frame, Kind, WireError, pack_json, read_json
from app.workers.transport.results import pack_error, pack_run
from app.workers.transport.submissions import Submission, read_submission, read_together

logger = logging.getLogger(__name__)


class FrontEndSession:
    """Runs what a front end submits; when it disconnects, its queued entries are dropped.

    The session holds a servable from when the front end is told of it until the front end releases
    it, when nothing there needs it any more. So across processes too, a version lives as long as
    something in flight needs it.
    """

    def __init__(self, core: EngineCore, publisher: Publisher) -> None:
        self._core = core
        self._publisher = publisher
        self._servables: dict[int, Servable] = {}
        self._submissions: dict[int, PendingRun] = {}
        self.applied = 0
        self.channel = Channel(self._opened, self._received, self._closed)

    def tell(self, state: State) -> None:
        """Send the servables that the front end lacks, then the state that refers to them."""
        for servable in state.servables:
            published = self._publisher.packed(servable)
            if published.number not in self._servables:
                self._servables[published.number] = servable
                self._send(Kind.SERVABLE, published.number, published.payload)
        self._send(Kind.STATE, state.number, pack_json(state.fields))

    def tick(self) -> None:
        """Show the front end that the engine lives."""
        self._send(Kind.TICK, 0)

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
            case Kind.SUBMIT_TOGETHER:
                self._submit_together(read_together(frame.payload))
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
                work = self._core.registry.reload(str(fields.get("name")), fields.get("version"))
                self._start(self._administer(frame.number, work))
            case Kind.SCAN:
                self._start(self._administer(frame.number, self._core.scan()))
            case _:
                raise WireError(f"a frame of kind {frame.kind.name}, which only the engine sends")

    def _submit(self, frame: Frame) -> None:
        asked = read_submission(frame.payload)
        try:
            self._submissions[frame.number] = self._core.engine.submit(
                self._servable(asked.servable),
                asked.encodings,
                asked.deadline,
                partial(self._answer, frame.number),
                asked.trace,
            )
        except ClassmarkError as exc:
            self._refuse(frame.number, exc)

    def _submit_together(self, asked: Mapping[int, Submission]) -> None:
        deadline = min(one.deadline for one in asked.values())
        try:
            requests = [
                RunRequest(
                    self._servable(one.servable), one.encodings, partial(self._answer, number)
                )
                for number, one in asked.items()
            ]
            trace = next(iter(asked.values())).trace
            runs = self._core.engine.submit_together(requests, deadline, trace)
            self._submissions.update(zip(asked, runs, strict=True))
        except ClassmarkError as exc:
            for number in asked:
                self._refuse(number, exc)

    def _servable(self, number: int) -> Servable:
        servable = self._servables.get(number)
        if servable is None:
            raise NotReady("the model's version is not loaded here; send the request again")
        return servable

    def _answer(self, number: int) -> None:
        submission = self._submissions.pop(number)
        try:
            run, wait_seconds = submission.result(), self._core.engine.expected_wait_seconds
            self._send(Kind.RESULT, number, pack_run(run, wait_seconds))
        except ClassmarkError as exc:
            self._refuse(number, exc)
        finally:
            submission.close()

    async def _administer(self, number: int, work: Awaitable[object]) -> None:
        """Answer once the outcome is in force in every front end."""
        error: ClassmarkError | None = None
        try:
            await work
        except ClassmarkError as exc:
            error = exc
        except Exception as exc:
            logger.exception("reload failed in an unforeseen way")
            error = ReloadFailed(f"{type(exc).__name__}: this is a bug; the engine's log has more")
        await self._publisher.wait_until_applied()
        if error is None:
            self._send(Kind.DONE, number)
        else:
            self._refuse(number, error)

    def _refuse(self, number: int, error: ClassmarkError) -> None:
        wait_seconds = self._core.engine.expected_wait_seconds
        self._send(Kind.ERROR, number, pack_error(error, wait_seconds))

    def _send(self, kind: Kind, number: int, payload: bytes = b"") -> None:
        self.channel.send(Frame(kind, number, payload))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run it in the background; if it fails, the front end notices by the lost connection."""
        start_task(work, "serving a front end", lambda _: self.channel.close())
