"""Everything one application owns, and where its process is in its life."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from starlette.types import ASGIApp

from app.engine.admission import RequestCost
from app.engine.answer_cache import AnswerCache, InputAnswer
from app.engine.interface import Engine
from app.engine.models.catalog import Catalog
from app.engine.models.servable import Servable
from app.engine.text.text_pool import TextPool
from app.security import Authorizer
from app.settings.settings import Settings
from app.telemetry.exposition import Format
from app.telemetry.metrics import Metrics


@dataclass(slots=True)
class Lifecycle:
    """Where the process is in its life; changed by start-up, shutdown and dying tasks alone.

    Attributes:
        fault: why the process cannot go on as it should, once a background task has died.
        moved: set by whatever happens first.
    """

    started: bool = False
    draining: bool = False
    fault: str | None = None
    moved: asyncio.Event = field(default_factory=asyncio.Event)

    def start(self) -> None:
        """Note that the first load of the store has ended."""
        self.started = True
        self.moved.set()

    def drain(self) -> None:
        """Note that the process is to end."""
        self.draining = True
        self.moved.set()

    def fail(self, reason: str) -> None:
        """Note what has died."""
        self.fault = reason
        self.moved.set()


class RequestTracing(Protocol):
    """What traces requests: app/tracing."""

    @property
    def make_request(self) -> Callable[..., Any]:
        """What makes an inference request; it takes what DirectRequest takes."""
        ...

    def observe(self, app: ASGIApp) -> ASGIApp:
        """Return an application whose requests are traced."""


class ModelAnswers(NamedTuple):
    """What one model answered to the inputs of a request; None where it has no answer."""

    servable: Servable
    answers: Sequence[InputAnswer | None]


# Told what several models answered to the same inputs.
AnswerObserver = Callable[[Sequence[ModelAnswers]], None]


# Gives, as JSON has it, what a process knows alone of what is asked.
GiveShare = Callable[[dict[str, Any]], Any]


class Peers:
    """The processes that answer HTTP, and what each of them counts alone: here, this one.

    Attributes:
        shares: what this process gives, by the name that it is gathered under.
    """

    def __init__(self) -> None:
        self.shares: dict[str, GiveShare] = {}

    async def gather(self, name: str, asked: dict[str, Any]) -> list[Any]:
        """Return the share of every process; raise NotReady where one does not give it."""
        return [self.shares[name](asked)]


@dataclass(frozen=True, slots=True)
class Service:
    """Everything one application owns.

    Attributes:
        exposition: gives what /metrics answers, of every process there is.
        tracing: None where nothing is traced.
        answer_observers: told of each answer of /v1/analyze, after it was sent.
    """

    settings: Settings
    engine: Engine
    cache: AnswerCache
    registry: Catalog
    metrics: Metrics
    authorizer: Authorizer
    lifecycle: Lifecycle
    text_pool: TextPool
    request_cost: RequestCost
    exposition: Callable[[Format], Awaitable[bytes]]
    tracing: RequestTracing | None = None
    peers: Peers = field(default_factory=Peers)
    answer_observers: list[AnswerObserver] = field(default_factory=list)

    def report_fault(self, reason: str) -> None:
        """Turn readiness off for good: something that must run has died."""
        self.lifecycle.fail(reason)

    def unready_reason(self) -> str | None:
        """Return why requests cannot be answered now, or None if they can."""
        if self.lifecycle.draining:
            return "the service is shutting down"
        if self.lifecycle.fault is not None:
            return self.lifecycle.fault
        if not self.lifecycle.started:
            return self.registry.unlisted or "the models are loading"
        if not self.registry.serving:
            return f"no model serves; put a bundle into {self.settings.model_store}"
        return self.engine.unready_reason()
