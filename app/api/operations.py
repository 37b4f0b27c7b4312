"""Models, reload, health and metrics."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header
from starlette.responses import JSONResponse, Response

from app.api.auth import ServiceDep, require
from app.api.inference.openapi import problems
from app.engine.models.model import Model
from app.engine.models.servable import Servable
from app.schemas.operations import (
    ExecutionStatus,
    Health,
    LoadFailure,
    ModelCard,
    ModelList,
    ModelStatus,
    ReloadRequest,
)
from app.telemetry.exposition import CONTENT_TYPES, accepted_format

models = APIRouter(prefix="/v1/models", tags=["models"])
health = APIRouter(prefix="/health", tags=["health"])
metrics = APIRouter(tags=["health"])

_READ = [Depends(require("predict", "admin"))]
_ADMIN = [Depends(require("admin"))]


@models.get("", dependencies=_READ, responses=problems(401, 403, 503))
async def list_models(service: ServiceDep) -> ModelList:
    """List every model of the store: what serves, from which graph, and what failed."""
    registry = service.registry
    registry.check_listed()
    return ModelList(
        models=[_status(model, service) for model in registry.models],
        predicted_memory_bytes=registry.predicted_bytes,
        data=[_card(servable) for servable in registry.serving],
    )


@models.get("/{name}", dependencies=_READ, responses=problems(401, 403, 404, 503))
async def get_model(name: str, service: ServiceDep) -> ModelStatus:
    """Describe one model."""
    return _status(service.registry.model(name), service)


@models.post(
    "/{name}/reload",
    dependencies=_ADMIN,
    responses=problems(400, 401, 403, 404, 409, 413, 415, 422, 503),
)
async def reload_model(
    name: str, service: ServiceDep, body: ReloadRequest | None = None
) -> ModelStatus:
    """Swap in a version: a given one, to which the model is then pinned, or the newest.

    What serves keeps serving until the new version is verified, loaded, warm and has answered the
    golden cases; if it fails, nothing changes and the answer says why.
    """
    await service.registry.reload(name, body.version if body else None)
    return _status(service.registry.model(name), service)


@health.get("/live", response_model=Health)
async def live() -> Response:
    """Answer while the event loop turns: if this fails, restart the process."""
    return _health(None)


@health.get("/ready", response_model=Health, responses={503: {"model": Health}})
async def ready(service: ServiceDep) -> Response:
    """Tell whether requests can be answered now: if not, send them elsewhere."""
    return _health(service.unready_reason())


@health.get("/startup", response_model=Health, responses={503: {"model": Health}})
async def startup(service: ServiceDep) -> Response:
    """Tell whether the first load of the store has ended."""
    return _health(None if service.lifecycle.started else "the models are loading")


@metrics.get("/metrics", response_class=Response)
async def prometheus(service: ServiceDep, accept: Annotated[str, Header()] = "") -> Response:
    """Export everything measured, for Prometheus; as OpenMetrics, with exemplars, where asked."""
    service.metrics.ready.set(service.unready_reason() is None)
    wanted = accepted_format(accept)
    return Response(await service.exposition(wanted), media_type=CONTENT_TYPES[wanted])


def _health(reason: str | None) -> Response:
    if reason is None:
        return JSONResponse({"status": "ok"})
    return JSONResponse({"status": "unavailable", "reason": reason}, 503)


def _status(model: Model, service: ServiceDep) -> ModelStatus:
    failure = model.last_failure
    status = ModelStatus(
        name=model.name,
        status="loading" if model.is_loading else "serving" if model.servable else "failed",
        version=model.servable.version if model.servable else None,
        versions=list(model.versions),
        wanted_version=model.wanted,
        memory_bytes={version: one.own for version, one in model.footprints.items()},
        last_failure=failure
        and LoadFailure(version=failure.version, reason=failure.reason, at=failure.at),
    )
    if model.servable is None:
        return status
    return status.model_copy(update=_description(model.servable))


def _card(servable: Servable) -> ModelCard:
    created = int(servable.manifest.created_at.timestamp())
    return ModelCard(id=servable.name, created=created)


def _description(servable: Servable) -> dict[str, object]:
    manifest, graph = servable.manifest, servable.graph
    evaluation, runtime = manifest.evaluation, servable.runtime
    graphs = evaluation.graphs if evaluation and graph.kind == "padded" else {}
    measured = graphs.get(runtime.precision, {})
    return {
        "task": manifest.task,
        "input": manifest.input,
        "labels": list(manifest.labels),
        "max_length": manifest.max_length,
        "precision": runtime.precision,
        "provider": runtime.provider,
        "execution": ExecutionStatus.model_validate(runtime.execution, from_attributes=True),
        "degraded": runtime.degraded,
        "batch_invariant": servable.batch_invariant,
        "recipe": graph.recipe,
        "agreement": graph.parity.agreement,
        "temperature": manifest.calibration and manifest.calibration.temperature,
        "label_thresholds": manifest.defaults.label_thresholds,
        "metrics": measured,
    }
