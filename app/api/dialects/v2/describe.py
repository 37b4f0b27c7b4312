"""Describes the service and its models in the words of the V2 protocol."""

from typing import Any

from fastapi import APIRouter, Depends
from starlette.responses import JSONResponse, Response

from app import __version__
from app.api.auth import ServiceDep, require
from app.api.dialects.dialect import ForeignRoute
from app.api.dialects.v2.outputs import OutputTensor, known_outputs
from app.api.dialects.v2.serving import find_servable
from app.bundle.manifest import Manifest
from app.errors import NotReady

# `statistics` is not among them: clients that find it wait for counters to grow.
EXTENSIONS = ("binary_tensor_data", "classification", "model_configuration", "model_repository")

router = APIRouter(route_class=ForeignRoute)

_READ = [Depends(require("predict", "admin"))]
_MODEL, _VERSION = "/v2/models/{name}", "/v2/models/{name}/versions/{version}"


@router.get("/v2", dependencies=_READ)
async def describe_server() -> dict[str, Any]:
    """Name the service and the extensions of the protocol that it knows."""
    return {"name": "classmark", "version": __version__, "extensions": list(EXTENSIONS)}


@router.get("/v2/health/live")
async def live() -> dict[str, bool]:
    """Answer while the event loop turns."""
    return {"live": True}


@router.get("/v2/health/ready", responses={503: {}})
async def ready(service: ServiceDep) -> Response:
    """Tell whether requests can be answered now."""
    reason = service.unready_reason()
    if reason is None:
        return JSONResponse({"ready": True})
    return JSONResponse({"ready": False, "error": reason}, 503)


@router.get(f"{_MODEL}/ready", dependencies=_READ)
@router.get(f"{_VERSION}/ready", dependencies=_READ)
async def model_ready(name: str, service: ServiceDep, version: str | None = None) -> dict[str, Any]:
    """Tell whether requests of a model can be answered now."""
    servable = find_servable(service.registry, name, version)
    if (reason := service.unready_reason()) is not None:
        raise NotReady(reason)
    return {"name": servable.name, "ready": True}


@router.get(_MODEL, dependencies=_READ)
@router.get(_VERSION, dependencies=_READ)
async def describe_model(
    name: str, service: ServiceDep, version: str | None = None
) -> dict[str, Any]:
    """Describe a model's tensors."""
    manifest = find_servable(service.registry, name, version).manifest
    return {
        "name": manifest.name,
        "versions": [str(manifest.version)],
        "platform": "onnx_onnxv1",
        "inputs": [_tensor(one, "BYTES", 1) for one in _input_names(manifest)],
        "outputs": [_output(one, manifest) for one in _default_outputs(manifest)],
    }


@router.get(f"{_MODEL}/config", dependencies=_READ)
@router.get(f"{_VERSION}/config", dependencies=_READ)
async def configuration(
    name: str, service: ServiceDep, version: str | None = None
) -> dict[str, Any]:
    """Describe a model as Triton's configuration does; perf_analyzer asks for it."""
    manifest = find_servable(service.registry, name, version).manifest
    string = {"data_type": "TYPE_STRING", "format": "FORMAT_NONE", "dims": [1]}
    types = {"BYTES": "TYPE_STRING", "FP32": "TYPE_FP32"}
    return {
        "name": manifest.name,
        "platform": "onnxruntime_onnx",
        "backend": "onnxruntime",
        "max_batch_size": service.settings.max_inputs,
        "input": [{"name": one, **string} for one in _input_names(manifest)],
        "output": [
            {"name": one.name, "data_type": types[one.datatype], "dims": [one.width]}
            for one in _default_outputs(manifest)
        ],
        "dynamic_batching": {},
    }


def _input_names(manifest: Manifest) -> list[str]:
    return ["text", "text_pair"] if manifest.input == "pair" else ["text"]


def _default_outputs(manifest: Manifest) -> list[OutputTensor]:
    labels = None if manifest.task == "token-classification" else len(manifest.labels)
    return [one for one in known_outputs(labels) if not one.by_name_only]


def _tensor(name: str, datatype: str, width: int) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": [-1, width]}


def _output(one: OutputTensor, manifest: Manifest) -> dict[str, Any]:
    described = _tensor(one.name, one.datatype, one.width)
    if one.name == "scores":
        described["parameters"] = {"labels": list(manifest.labels)}
    return described
