"""A plain request and its answer, the short way: no ASGI scope, message or task.

Routing, dependencies, validation field by field and a task each cost the framework more than a
short text costs to encode. Here a body that is valid for its schema goes straight to the engine,
and the batch it ran in straight to the answer.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Protocol

from pydantic import ValidationError

from app.api.auth import Service
from app.api.inference.job import Inference
from app.api.inference.lanes import Lane
from app.api.problems import error_problem
from app.api.request_log import Observation
from app.engine.interface import Pending
from app.errors import Cancelled, ClassmarkError
from app.schemas import InferenceRequest

logger = logging.getLogger(__name__)

Headers = list[tuple[bytes, bytes]]


class Connection(Protocol):
    """What an exchange needs of the connection it came over."""

    def respond(self, status: int, headers: Headers, body: bytes, *, keep_alive: bool) -> None:
        """Write the answer; the exchange is then over."""
        ...

    def hand_over(self, body: bytes) -> None:
        """Let the framework answer the request instead."""
        ...


class Exchange:
    """One plain request on a connection.

    It stands in the connection where uvicorn keeps its own `RequestResponseCycle`, so it has what
    uvicorn reads and writes there.

    Attributes:
        response_complete: nothing more will be written; uvicorn may start what is pipelined.
        disconnected: uvicorn sets it when the client has gone.
        keep_alive: whether the connection stays open; uvicorn clears it when it shuts down.
    """

    __slots__ = (
        "_body", "_connection", "_inference", "_key", "_lane", "_observation", "_pending",
        "_service", "disconnected", "keep_alive", "response_complete",
    )  # fmt: skip

    def __init__(
        self,
        service: Service,
        connection: Connection,
        lane: Lane,
        headers: Mapping[bytes, bytes],
        *,
        keep_alive: bool,
    ) -> None:
        self._service = service
        self._connection = connection
        self._lane = lane
        self._key = headers.get(b"authorization")
        self._body: list[bytes] = []
        self._inference: Inference | None = None
        self._pending: Pending | None = None
        given_id = headers.get(b"x-request-id", b"")
        self._observation = Observation(service.metrics, "POST", given_id)
        self._observation.route = lane.path
        self.response_complete = self.disconnected = False
        self.keep_alive = keep_alive

    @property
    def message_event(self) -> "Exchange":
        return self

    def set(self) -> None:
        """Stop: uvicorn sets a cycle's `message_event` when its connection is lost."""
        if not self.response_complete:
            self._refuse(Cancelled("the client closed the connection before the answer"))

    def receive(self, body: bytes) -> None:
        """Take a part of the body."""
        self._body.append(body)

    def answer(self) -> None:
        """Answer, now or later; the whole body is here."""
        self._attempt(self._read)

    def _read(self) -> None:
        service, raw = self._service, b"".join(self._body)
        service.gate.check(self._key.decode("latin-1") if self._key else None, "predict")
        deadline = service.engine.clock() + service.settings.request_timeout_seconds
        if not service.cache.enabled:  # refused before it costs anything: nothing else answers it
            service.engine.check_admission(deadline)
        try:
            body = self._lane.schema.model_validate_json(raw)
        except ValidationError:  # the framework says why
            self.response_complete = True
            self._observation.hand_over()
            self._connection.hand_over(raw)
        else:
            self._begin(body, deadline)

    def _begin(self, body: InferenceRequest, deadline: float) -> None:
        service = self._service
        task = self._lane.plan(service.registry, body)
        self._observation.model = task.servable.name
        self._inference = inference = Inference(service, task, body)
        inference.recall()
        if not inference.wanted:
            self._respond(inference)
            return
        if service.cache.enabled:
            service.engine.check_admission(deadline)

        def submit() -> None:
            self._pending = service.engine.submit(
                task.servable, inference.encodings, deadline, self._run_ended
            )

        if inference.is_short:
            inference.encode()
            submit()
        else:
            encoding = asyncio.get_running_loop().run_in_executor(None, inference.encode)
            encoding.add_done_callback(lambda done: self._encoded(done, submit))

    def _encoded(self, encoding: asyncio.Future[None], submit: Callable[[], None]) -> None:
        def go_on() -> None:
            encoding.result()
            submit()

        if self.response_complete:  # the client has gone meanwhile
            encoding.exception()  # looked at, or asyncio reports it as missed
        else:
            self._attempt(go_on)

    def _run_ended(self) -> None:
        self._attempt(self._decode)

    def _decode(self) -> None:
        assert self._pending is not None  # what ended here was submitted
        assert self._inference is not None
        self._inference.decode(self._pending.result())
        self._respond(self._inference)

    def _attempt(self, step: Callable[[], None]) -> None:
        """Take a step; whatever goes wrong is the answer."""
        try:
            step()
        except ClassmarkError as exc:
            self._refuse(exc)
        except Exception as exc:
            request_id = self._observation.request_id
            logger.exception("request failed", extra={"request_id": request_id})
            if not self.response_complete:
                self._refuse(exc)

    def _respond(self, inference: Inference) -> None:
        timing = (b"server-timing", inference.timing.encode())
        self._end(200, [timing, (b"content-type", b"application/json")], inference.content)
        inference.observe()

    def _refuse(self, error: Exception) -> None:
        problem = error_problem(self._service.metrics, self._observation.request_id, error)
        headers = [(name.encode(), value.encode()) for name, value in problem.headers.items()]
        self._end(problem.status, headers, problem.body)

    def _end(self, status: int, headers: Headers, body: bytes) -> None:
        self.response_complete = True
        if self._pending is not None:
            self._pending.close()
        if self._service.lifecycle.draining:
            self.keep_alive = False
        id_header = (b"x-request-id", self._observation.request_id.encode())
        # Let go of the connection, which knows the exchange too: no cycle is left to the collector.
        connection, self._pending, self._inference = self._connection, None, None
        del self._connection
        connection.respond(status, [*headers, id_header], body, keep_alive=self.keep_alive)
        self._observation.end(status)
