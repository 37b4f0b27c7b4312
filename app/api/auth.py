"""What handlers ask for, as annotations that read like prose."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header, Request
from fastapi.security import HTTPBearer

from app.engine.answer_cache import ResultCache
from app.engine.interface import Runner
from app.engine.models.catalog import Catalog
from app.security import Gate, Scope
from app.settings import Settings
from app.telemetry.metrics import Metrics


@dataclass(slots=True)
class Lifecycle:
    """Where the process is in its life; changed by start-up and shutdown alone."""

    started: bool = False
    draining: bool = False


@dataclass(frozen=True, slots=True)
class Service:
    """Everything one application owns.

    Attributes:
        exposition: gives what /metrics answers, of every process there is.
    """

    settings: Settings
    engine: Runner
    cache: ResultCache
    registry: Catalog
    metrics: Metrics
    gate: Gate
    lifecycle: Lifecycle
    exposition: Callable[[], Awaitable[bytes]]

    def unready_reason(self) -> str | None:
        """Return why requests cannot be answered now, or None if they can."""
        if self.lifecycle.draining:
            return "the service is shutting down"
        if not self.lifecycle.started:
            return "the models are loading"
        if not self.registry.serving:
            return f"no model serves; put a bundle into {self.settings.model_store}"
        return self.engine.unready_reason()


async def get_service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


ServiceDep = Annotated[Service, Depends(get_service)]
_bearer = HTTPBearer(auto_error=False, description="An API key, where the service has keys.")


def require(scope: Scope) -> Callable[..., Awaitable[None]]:
    """Return a dependency that lets only callers with the scope pass."""

    async def check(
        request: Request, service: ServiceDep, _: Annotated[object, Depends(_bearer)]
    ) -> None:
        service.gate.check(request.headers.get("authorization"), scope)

    return check


async def _deadline(
    service: ServiceDep,
    x_request_timeout_seconds: Annotated[
        float | None,
        Header(gt=0, allow_inf_nan=False, description="Answer 504 after this time."),
    ] = None,
) -> float:
    """Return when the request's time is over, on the engine's clock."""
    limit = service.settings.request_timeout_seconds
    return service.engine.clock() + min(x_request_timeout_seconds or limit, limit)


Deadline = Annotated[float, Depends(_deadline)]
