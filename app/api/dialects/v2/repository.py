"""Lists, reloads and keeps the models of the store, by the V2 protocol's repository extension."""

from typing import Any

from fastapi import APIRouter, Depends, Request, Response

from app.api.auth import ServiceDep, require
from app.api.dialects.dialect import ForeignRoute, ForeignSchema
from app.api.inference.reader import parse_json
from app.engine.models.model import Model
from app.errors import InvalidRequest, ReloadFailed

router = APIRouter(prefix="/v2/repository", route_class=ForeignRoute)

_ADMIN = [Depends(require("admin"))]


class IndexRequest(ForeignSchema):
    ready: bool = False


class LoadRequest(ForeignSchema):
    parameters: dict[str, Any] = {}


# Bodies are read here: clients send them without a type, or send none.
@router.post("/index", dependencies=[Depends(require("predict", "admin"))])
async def index(request: Request, service: ServiceDep) -> list[dict[str, str]]:
    """List the models of the store: those that serve, or all."""
    service.registry.check_listed()
    raw = await request.body()
    asked = parse_json(IndexRequest, raw)[0] if raw else IndexRequest()
    return [
        _state(model)
        for model in service.registry.models
        if model.servable is not None or not asked.ready
    ]


@router.post("/models/{name}/load", dependencies=_ADMIN)
async def load(name: str, request: Request, service: ServiceDep) -> Response:
    """Swap in the newest version of a model; what serves keeps serving if that fails."""
    raw = await request.body()
    if raw and (given := parse_json(LoadRequest, raw)[0].parameters):
        raise InvalidRequest(
            f"parameters: {len(given)} are given, and a model is loaded as it was exported; leave "
            "them out"
        )
    await service.registry.reload(name, None)
    return Response()


@router.post("/models/{name}/unload", dependencies=_ADMIN)
async def unload(name: str, service: ServiceDep) -> Response:
    """Refuse: what the store has serves."""
    service.registry.model(name)
    raise ReloadFailed(
        f"{name} serves as long as the store has it; remove its folder from the store and start "
        "the service again"
    )


def _state(model: Model) -> dict[str, str]:
    if model.servable is not None:
        return {
            "name": model.name,
            "version": str(model.servable.version),
            "state": "READY",
            "reason": "",
        }
    if model.is_loading:
        return {"name": model.name, "version": "", "state": "LOADING", "reason": ""}
    failure = model.last_failure
    return {
        "name": model.name,
        "version": str(failure.version or "") if failure else "",
        "state": "UNAVAILABLE",
        "reason": failure.reason if failure else "no version of it serves",
    }
