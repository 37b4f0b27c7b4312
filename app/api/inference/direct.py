"""One inference request, from its head to its answer: no ASGI scope, message or task.

    begin:   authorise
    answer:  admit -> validate -> encode -> submit -> decode -> respond

Routing, dependencies, validation field by field and a task each cost the framework more than a
short text costs to encode. Here a valid body goes straight to the engine, and the batch it ran in
straight to the answer; whatever goes wrong on the way is the answer.
"""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial

from app.api.inference.exchange import Connection, Exchange
from app.api.inference.routes import Target
from app.api.inference.steps import Job, Pending, format_timing
from app.engine.admission import TIME_RAN_OUT
from app.engine.text.text_pool import Work
from app.errors import ClassmarkError, DeadlineExceeded, Overloaded
from app.service import Service


class DirectRequest(Exchange):
    """One inference request on a connection.

    Attributes:
        awaits_turn: `answer` will be called, or has been.
        timeout_seconds: for the whole request, from its head on.
    """

    __slots__ = (
        "_deadline", "_expects_continue", "_job", "_pending", "_text_work", "awaits_turn",
        "timeout_seconds",
    )  # fmt: skip

    def __init__(
        self,
        service: Service,
        connection: Connection,
        target: Target,
        headers: Mapping[bytes, bytes],
        *,
        keep_alive: bool,
        expects_continue: bool,
    ) -> None:
        super().__init__(service, connection, target, headers, keep_alive)
        self._expects_continue = expects_continue
        self.awaits_turn = False
        self.timeout_seconds = max(
            service.settings.request_timeout_seconds, target.route.least_seconds
        )
        self._deadline = service.engine.clock() + self.timeout_seconds
        self._job: Job | None = None
        self._pending: Pending | None = None
        self._text_work: asyncio.Future[None] | None = None

    def begin(self) -> None:
        """Judge the head; the requests before this one are answered."""
        self._attempt(self._authorise)

    @property
    def is_ready(self) -> bool:
        """Whether the body is here and nobody has taken the request to answer it."""
        return self.reader.is_whole and not self.awaits_turn

    def answer(self) -> None:
        """Answer, now or later."""
        if not self.response_complete:  # its client has gone while it waited for its turn
            self._attempt(self._admit)

    @property
    def trace_place(self) -> bytes:
        """Where the request is in its trace, for the engine; empty if it is not traced."""
        return b""

    @property
    def remaining_seconds(self) -> float:
        """Until the deadline."""
        return self._deadline - self._service.engine.clock()

    def _authorise(self) -> None:
        self._service.authorizer.check_host(self.reader.header(b"host"))
        key = self.reader.header(b"authorization")
        self._log.key = self._service.authorizer.check(key, "predict")
        self.reader.check_promised()
        self._shorten(self.reader.timeout_seconds(self.timeout_seconds))
        if self._expects_continue and not self.reader.is_whole:
            self._connection.send_continue()

    def _shorten(self, timeout_seconds: float) -> None:
        """Allow the request this much time from its head on, or what it had if that is less."""
        less = max(self.timeout_seconds - timeout_seconds, 0.0)
        self.timeout_seconds -= less
        self._deadline -= less

    def _admit(self) -> None:
        service = self._service
        self.reader.check_received()
        if not service.cache.enabled:  # refused before it costs anything: nothing else answers it
            self._check_admission()
        self._validate()

    def _validate(self) -> None:
        service = self._service
        question = self._target.route.read(self.reader, self._target, service)
        if question.timeout_seconds is not None:
            self._shorten(question.timeout_seconds)
        try:
            job = self._target.route.make_job(service, question)
        except ClassmarkError:
            self._log.model = self._model_label(question.model)
            raise
        self._log.model, self._log.version = job.metric_labels
        job.look_up()
        if service.cache.enabled and not job.is_answered:
            self._check_admission()
        self._job = job
        if job.is_answered:
            self._respond()
        else:
            self._encode(job)

    def _check_admission(self) -> None:
        cost = self._service.request_cost.seconds(self.reader.body_bytes)
        self._service.engine.check_admission(self._deadline, cost)

    def _encode(self, job: Job) -> None:
        if job.encodes_quickly:
            job.encode()
            self._submit()
        else:
            self._service.text_pool.check_admission("encode", job.characters, self._deadline)
            self._work_aside("encode", job.characters, job.encode, self._submit)

    def _submit(self) -> None:
        assert self._job is not None  # it was encoded
        if self._job.is_answered:  # by errors alone
            self._decoded()
            return
        self._pending = self._job.submit(
            self._service.engine, self._deadline, self._run_ended, self.trace_place
        )

    def _run_ended(self) -> None:
        self._attempt(self._decode)

    def _decode(self) -> None:
        assert self._pending is not None  # what ended here was submitted
        assert self._job is not None
        job, run = self._job, self._pending.result()
        if job.decodes_quickly:
            job.decode(run)
            self._decoded()
        else:
            self._work_aside("decode", job.tokens, partial(job.decode, run), self._decoded)

    def _decoded(self) -> None:
        job = self._job
        assert job is not None  # it was decoded
        if job.go_on():
            self._later(0.0, partial(self._encode, job))  # after what else the event loop has
        else:
            self._respond()

    def _later(self, seconds: float, step: Callable[[], None]) -> None:
        """Take a step then, unless the request ends before."""
        if self._pending is not None:
            self._pending.close()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._attempt, step)

    def _put_off(self, error: Overloaded) -> None:
        """Refuse the request, but for a slice: what was answered before it would be lost.

        That slice waits as long as it was told to, at most until the deadline.
        """
        job, remaining = self._job, self.remaining_seconds
        if job is None or not job.waits_for_room or remaining <= 0:
            self._refuse(error)
            return
        step = self._submit if job.is_encoded else partial(self._encode, job)
        self._later(min(error.retry_after_seconds or 1.0, remaining), step)

    def _respond(self) -> None:
        job = self._job
        assert job is not None  # it is answered
        written = job.write()
        timing = (b"server-timing", format_timing(job.stages).encode())
        self._end(200, [timing, *written.headers], written.body)
        job.end()
        if job.cost_seconds:  # what the cache answers has cost nothing and says nothing
            self._service.request_cost.learn(self.reader.body_bytes, job.cost_seconds)

    def _work_aside(
        self, kind: Work, size: int, work: Callable[[], None], then: Callable[[], None]
    ) -> None:
        """Do what takes long on another thread, then go on here; until then time may run out."""
        seconds = max(self.remaining_seconds, 0.0)
        self._timer = asyncio.get_running_loop().call_later(seconds, self._time_out)
        self._text_work = self._service.text_pool.run(kind, size, work)
        self._text_work.add_done_callback(partial(self._text_work_ended, then))

    def _text_work_ended(self, then: Callable[[], None], work: asyncio.Future[None]) -> None:
        if self.response_complete:  # the client has gone meanwhile, or the time ran out
            if not work.cancelled():
                work.exception()  # looked at, or asyncio reports it as missed
            return
        assert self._timer is not None  # it was set with the work
        self._timer.cancel()

        def go_on() -> None:
            work.result()
            then()

        self._attempt(go_on)

    def _time_out(self) -> None:
        if not self.response_complete:
            self._refuse(DeadlineExceeded(TIME_RAN_OUT))

    def _let_go(self) -> None:
        if self._pending is not None:
            self._pending.close()
        if self._timer is not None:
            self._timer.cancel()
        if self._text_work is not None:
            self._text_work.cancel()
        if self._job is not None:
            self._log.stages = self._job.stages
            self._job.abandon()
        self._pending = self._timer = self._text_work = self._job = None
        self.reader.clear()
