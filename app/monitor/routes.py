"""Watches what /v1/analyze answers, and answers /v1/opinions/entities."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Query

from app.api.auth import ServiceDep, require
from app.api.inference.openapi import problems
from app.monitor.counter import OpinionCounter
from app.monitor.named_entities import ANY_TOPIC, Key, NamedEntities, read_share
from app.monitor.opinions import OpinionReader
from app.monitor.schema import NamedEntity, NamedEntityList, WindowName
from app.monitor.space_saving import merge
from app.service import ModelAnswers, Service

SECONDS: Mapping[WindowName, int] = {"hour": 3600, "day": 86_400}
# What the processes that answer HTTP gather under.
SHARE = "named entities"
MOST_ENTITIES = 1000


def add_monitor(app: FastAPI) -> None:
    """Observe the answers of a service, and add the routes that tell of them."""
    service: Service = app.state.service
    windows = {window: NamedEntities(seconds) for window, seconds in SECONDS.items()}
    service.answer_observers.append(make_observer(service, windows))
    service.peers.shares[SHARE] = lambda asked: windows[asked["window"]].share(asked["topic"])
    app.include_router(make_router(windows))


def make_observer(
    service: Service, windows: Mapping[WindowName, NamedEntities]
) -> Callable[[Sequence[ModelAnswers]], None]:
    """Return what counts the opinions in a request's answers."""
    reader, counter = OpinionReader(service.settings), OpinionCounter(service.metrics.registry)

    def observe(answers: Sequence[ModelAnswers]) -> None:
        for opinion in reader.read(answers):
            counter.count(opinion)
            if opinion.mentions:
                for window in windows.values():
                    window.count(opinion)

    return observe


def make_router(windows: Mapping[WindowName, NamedEntities]) -> APIRouter:
    """Return the routes; texts of all callers are in their answers, so they are for admins."""
    router = APIRouter(
        prefix="/v1/opinions", tags=["opinions"], dependencies=[Depends(require("admin"))]
    )

    @router.get("/entities", responses=problems(401, 403, 422, 503))
    async def entities(
        service: ServiceDep,
        limit: Annotated[int, Query(ge=1, le=MOST_ENTITIES)] = 20,
        window: WindowName = "hour",
        topic: str = ANY_TOPIC,
        entity_group: str | None = None,
    ) -> NamedEntityList:
        """List the entities that most negative texts name, in this hour and the one before.

        `window=day`: today and yesterday, UTC. `topic` and `entity_group` list those of one alone.
        """
        shares = await service.peers.gather(SHARE, {"window": window, "topic": topic})
        since = datetime.fromtimestamp(windows[window].since, UTC)
        found = _rank(shares, entity_group)
        return NamedEntityList(window=window, since=since, entities=found[:limit])

    return router


def _rank(shares: Sequence[Sequence[dict[str, Any]]], group: str | None) -> list[NamedEntity]:
    """Return what the shares of all processes have of a group, most named first."""
    spelled: dict[Key, str] = {}
    counted = merge([read_share(period, spelled) for share in shares for period in share])
    found = [
        NamedEntity(name=spelled[key], entity_group=key[0], count=count, error=error)
        for key, (count, error) in counted.items()
        if group in (None, key[0])
    ]
    return sorted(found, key=lambda one: (-one.count, one.error, one.name))
