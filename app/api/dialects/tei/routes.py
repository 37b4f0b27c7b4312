"""Declares the API of text-embeddings-inference, as far as it classifies and ranks.

A list of two texts is one pair here, as there. Scores are the checkpoint's own: where a model has
several labels that may hold at a time, TEI would have made them sum to one.
"""

import math
from typing import Any

from fastapi import APIRouter, Depends
from starlette.responses import Response

from app import __version__
from app.api.auth import ServiceDep, require
from app.api.dialects.dialect import Dialect, ForeignRoute, posted
from app.api.dialects.tei.schema import PredictBody, RerankBody, Sequences
from app.api.dialects.tei.writers import PredictWriter, RerankWriter
from app.api.inference.question import LabelOptions, Question
from app.api.inference.reader import RequestReader, parse_json
from app.api.inference.routes import Target
from app.bundle.base import Task
from app.errors import InvalidRequest, NotReady
from app.schemas.requests import Pair
from app.service import Service

TASK: Task = "sequence-classification"
PREDICT = {"inputs": [["The room was clean."], ["The staff were rude."]]}
RERANK = {"query": "Is it clean?", "texts": ["The room was clean.", "Breakfast is at eight."]}


def read_predict(reader: RequestReader, target: Target, service: Service) -> Question:
    """Return what a request to /predict asks."""
    body, _ = parse_json(PredictBody, reader.body)
    assert isinstance(body.inputs, Sequences)  # its validator made them so
    options = LabelOptions(None, -math.inf, body.activation)
    writer = PredictWriter(body.inputs.alone)
    return Question(target.model, body.inputs.items, options, body.long_text, writer)


def read_rerank(reader: RequestReader, target: Target, service: Service) -> Question:
    """Return what a request to /rerank asks: a score for each text beside the query."""
    body, _ = parse_json(RerankBody, reader.body)
    servable = service.registry.resolve(target.model, TASK)
    if (count := len(servable.manifest.labels)) != 1:
        raise InvalidRequest(
            f"{servable.name} has {count} labels, and only models with one rank texts; use /predict"
        )
    pairs: list[str | Pair] = [
        Pair.model_construct(text=body.query, text_pair=text) for text in body.texts
    ]
    options = LabelOptions(None, -math.inf, body.activation)
    writer = RerankWriter(body.texts if body.return_text else None)
    return Question(servable.name, pairs, options, body.long_text, writer)


described = APIRouter(route_class=ForeignRoute)


@described.get("/info", dependencies=[Depends(require("predict", "admin"))])
@described.get("/tei/{name}/info", dependencies=[Depends(require("predict", "admin"))])
async def info(service: ServiceDep, name: str | None = None) -> dict[str, Any]:
    """Describe the model; clients read it before their first call."""
    servable, settings = service.registry.resolve(name, TASK), service.settings
    labels = servable.manifest.labels
    kind = "reranker" if len(labels) == 1 else "classifier"
    names = {
        "id2label": {str(at): label for at, label in enumerate(labels)},
        "label2id": {label: at for at, label in enumerate(labels)},
    }
    return {
        "model_id": servable.name,
        "model_sha": None,
        "model_dtype": servable.runtime.precision,
        "served_model_name": servable.name,
        "model_type": {kind: names},
        "max_concurrent_requests": settings.max_connections,
        "max_input_length": servable.manifest.max_length,
        "max_batch_tokens": servable.cost.budget_tokens,
        "max_batch_requests": None,
        "max_client_batch_size": settings.max_inputs,
        "auto_truncate": servable.manifest.defaults.long_text == "truncate",
        "tokenization_workers": settings.workers,
        "version": __version__,
        "sha": None,
        "docker_label": None,
    }


@described.get("/health", response_class=Response)
async def health(service: ServiceDep) -> Response:
    """Answer an empty 200 while requests can be answered, else 503."""
    if (reason := service.unready_reason()) is not None:
        raise NotReady(f"unhealthy: {reason}")
    return Response()


@described.get("/tei/{name}/health", response_class=Response)
@described.get("/tei/{name}", response_class=Response)
async def model_health(name: str, service: ServiceDep) -> Response:
    """The same, for one model."""
    service.registry.resolve(name)
    return await health(service)


DIALECT = Dialect(
    "tei",
    (
        posted("/tei/{name}/predict", read_predict, "Classify, as TEI", PREDICT, task=TASK),
        posted("/predict", read_predict, "The same, where one model fits", PREDICT, task=TASK),
        posted("/tei/{name}/rerank", read_rerank, "Rank texts, as TEI", RERANK, task=TASK),
        posted("/rerank", read_rerank, "The same, where one model fits", RERANK, task=TASK),
    ),
    described,
)
