"""One request on its connection, and how it ends: with an answer, or with what went wrong."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Protocol

from app.api.cors import cors_headers
from app.api.inference.reader import RequestReader
from app.api.inference.routes import Target
from app.api.inference.writer import Headers
from app.api.problems import ProblemAnswer, error_problem
from app.api.request_log import RequestLog
from app.errors import Cancelled, ClassmarkError, NotAuthorized, NotReady, Overloaded
from app.service import Service

logger = logging.getLogger(__name__)

# Clients that ask again as soon as they are told "not ready" ask this often.
HOLD_SECONDS = 1.0


class Connection(Protocol):
    """What a request needs of the connection it came over."""

    def send_continue(self) -> None:
        """Tell the client to send the body."""
        ...

    def respond(self, status: int, headers: Headers, body: bytes, *, keep_alive: bool) -> None:
        """Write the answer; the request is then over."""
        ...


class Exchange:  # no ABC: `isinstance` of one costs ten times as much
    """A request that is answered once, whatever happens.

    It stands in the connection where uvicorn keeps its own `RequestResponseCycle`, so it has what
    uvicorn reads and writes there.

    Attributes:
        reader: takes the body as it comes.
        response_complete: nothing more will be written; uvicorn may start what is pipelined.
        disconnected: uvicorn sets it when the client has gone.
        keep_alive: whether the connection stays open; uvicorn clears it when it shuts down.
    """

    __slots__ = (
        "_connection", "_log", "_service", "_target", "_timer", "disconnected", "keep_alive",
        "reader", "response_complete",
    )  # fmt: skip

    def __init__(
        self,
        service: Service,
        connection: Connection,
        target: Target,
        headers: Mapping[bytes, bytes],
        keep_alive: bool,
    ) -> None:
        self._service = service
        self._connection = connection
        self._target = target
        most_bytes = max(service.settings.max_body_bytes, target.route.least_body_bytes)
        self.reader = RequestReader(headers, most_bytes)
        self._timer: asyncio.TimerHandle | None = None
        self._log = RequestLog(service.metrics, "POST", self.reader.header(b"x-request-id"))
        self._log.route = target.route.path
        self.response_complete = self.disconnected = False
        self.keep_alive = keep_alive

    @property
    def message_event(self) -> "Exchange":
        return self

    def set(self) -> None:
        """Stop: uvicorn sets a cycle's `message_event` when its connection is lost."""
        if not self.response_complete:
            self._refuse(Cancelled("the client closed the connection before the answer"))

    def fail(self, error: ClassmarkError) -> None:
        """Answer with an error that the connection has found."""
        self._refuse(error)

    def _put_off(self, error: Overloaded) -> None:
        """Refuse, or wait for room where that is worth more."""
        raise NotImplementedError

    def _let_go(self) -> None:
        """Drop whatever still works for this request."""
        raise NotImplementedError

    def _attempt(self, step: Callable[[], None]) -> None:
        """Take a step; whatever goes wrong is the answer."""
        try:
            step()
        except Overloaded as exc:
            self._put_off(exc)
        except ClassmarkError as exc:
            self._refuse(exc)
        except Exception as exc:
            logger.exception("request failed", extra=self._log.ids)
            if not self.response_complete:
                self._refuse(exc)

    def _refuse(self, error: Exception) -> None:
        if isinstance(error, NotAuthorized):
            self._log.key = error.key
        if self._log.model is None:  # it ended before its body was read
            self._log.model = self._model_label(self._target.model)
        route, lifecycle = self._target.route, self._service.lifecycle
        problem = error_problem(self._service.metrics, self._log.ids, error, route.error_media_type)
        if route.holds_not_ready and isinstance(error, NotReady) and not lifecycle.draining:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(HOLD_SECONDS, self._end_with, problem)
        else:
            self._end_with(problem)

    def _model_label(self, name: str | None) -> str:
        return self._service.registry.label(name, self._target.route.task)

    def _end_with(self, problem: ProblemAnswer) -> None:
        headers = [(name.encode(), value.encode()) for name, value in problem.headers.items()]
        self._end(problem.status, headers, problem.body)

    def _end(self, status: int, headers: Headers, body: bytes) -> None:
        self.response_complete = True
        self._let_go()
        if self._service.lifecycle.draining:
            self.keep_alive = False
        id_header = (b"x-request-id", self._log.request_id.encode())
        if origin := self.reader.header(b"origin"):
            headers = [*headers, *cors_headers(origin, self._service.authorizer)]
        connection = self._connection
        del self._connection  # it knows the request too: no cycle is left to the collector
        connection.respond(status, [*headers, id_header], body, keep_alive=self.keep_alive)
        self._log.end(status)
