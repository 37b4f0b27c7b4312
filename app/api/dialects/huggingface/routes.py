"""Declares the Hugging Face Inference API: text and token classification, zero-shot.

What clients send and accept was seen with huggingface_hub 0.36, 1.33 and 2.4 and with
@huggingface/inference 4.13. Labels are always answered as a list per text: given the flat list
that the API's own pages show, those clients lose labels or fail.
"""

import math
from typing import Any

from fastapi import APIRouter, Depends

from app.api.auth import ServiceDep, require
from app.api.dialects.dialect import Dialect, ForeignRoute, GivenInputs, posted
from app.api.dialects.huggingface.schema import InferenceBody, Parameters
from app.api.dialects.huggingface.writers import HuggingFaceWriter, SingleTagWriter
from app.api.dialects.huggingface.zero_shot import ask_zero_shot
from app.api.inference.question import EntityOptions, LabelOptions, Question
from app.api.inference.reader import RequestReader, parse_json
from app.api.inference.routes import Target
from app.engine.models.servable import Servable
from app.errors import InvalidRequest
from app.service import Service

EXAMPLE = {"inputs": "The room was clean.", "parameters": {"top_k": 2}}


def read(reader: RequestReader, target: Target, service: Service) -> Question:
    """Return what a request asks; the model decides which of the API's tasks it is."""
    body, _ = parse_json(InferenceBody, reader.body)
    inputs, parameters = body.inputs, body.parameters or Parameters()
    assert isinstance(inputs, GivenInputs)  # its validator made them so
    servable = service.registry.resolve(target.model)
    if servable.manifest.task == "token-classification":
        return ask_tokens(servable, inputs, parameters)
    if parameters.candidate_labels is not None:
        old = "hf_hub/0." in reader.header(b"user-agent")
        return ask_zero_shot(servable, inputs, parameters, as_dict=old)
    return ask_text(servable, inputs, parameters)


def ask_text(servable: Servable, inputs: GivenInputs, parameters: Parameters) -> Question:
    activation = parameters.function_to_apply or "default"
    options = LabelOptions(parameters.top_k, -math.inf, activation)  # pipelines leave nothing out
    writer = HuggingFaceWriter(inputs.alone)
    return Question(servable.name, inputs.items, options, parameters.long_text, writer)


def ask_tokens(servable: Servable, inputs: GivenInputs, parameters: Parameters) -> Question:
    if parameters.ignore_labels is not None and "O" not in parameters.ignore_labels:
        raise InvalidRequest(
            "parameters.ignore_labels leaves out 'O', and tokens outside of entities are not "
            "answered here; add 'O' to it"
        )
    strategy = parameters.aggregation_strategy
    long_text = parameters.long_text or ("window" if parameters.stride is not None else None)
    ignored = frozenset(parameters.ignore_labels or ())
    kind = SingleTagWriter if strategy == "none" else HuggingFaceWriter
    options, writer = EntityOptions(strategy, -math.inf), kind(inputs.alone, ignored)
    return Question(servable.name, inputs.items, options, long_text, writer)


described = APIRouter(route_class=ForeignRoute)


@described.get("/models/{name}/health", dependencies=[Depends(require("predict", "admin"))])
async def health(name: str, service: ServiceDep) -> dict[str, str]:
    """Tell whether the model serves, as `InferenceClient.health_check` asks."""
    service.registry.resolve(name)
    return {"status": "ok"}


@described.get("/models/{name}/info", dependencies=[Depends(require("predict", "admin"))])
async def info(name: str, service: ServiceDep) -> dict[str, Any]:
    """Describe the model, as `InferenceClient.get_endpoint_info` asks."""
    servable = service.registry.resolve(name)
    manifest = servable.manifest
    return {
        "model_id": servable.name,
        "model_sha": None,
        "model_dtype": servable.runtime.precision,
        "task": manifest.task.replace("sequence", "text"),
        "labels": list(manifest.labels),
        "max_input_length": manifest.max_length,
        "version": str(servable.version),
    }


DIALECT = Dialect(
    "huggingface",
    (
        # Clients of the JavaScript library repeat a 503 at once and for ever.
        posted("/models/{name}", read, "Classify, or find entities", EXAMPLE, holds_not_ready=True),
        posted("/", read, "The same, where one model serves", EXAMPLE, holds_not_ready=True),
    ),
    described,
)
