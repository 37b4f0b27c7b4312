"""POST /v1/classify and POST /v1/ner: what each asks of a servable, and how its answer is read."""

import dataclasses
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Request
from pydantic_core import to_json
from starlette.responses import Response

from app.api.auth import Deadline, ServiceDep, require
from app.api.inference.job import Task, answer
from app.api.inference.openapi_examples import (
    CLASSIFY_EXAMPLES,
    CLASSIFY_RESPONSES,
    NER_EXAMPLES,
    NER_RESPONSES,
)
from app.bundle import Manifest
from app.engine.answers.decoding import (
    Logits,
    pool_windows,
    rank_labels,
    row_scores,
    stitch_windows,
)
from app.engine.answers.entities import decode_entities, keep_entities
from app.engine.answers.tags import groups
from app.engine.models.catalog import Catalog
from app.engine.text.encoding import EncodedInput
from app.errors import InvalidRequest
from app.schemas import ClassifyAnswer, ClassifyRequest, NerAnswer, NerRequest

router = APIRouter(prefix="/v1", tags=["inference"], dependencies=[Depends(require("predict"))])


@router.post("/classify", response_model=ClassifyAnswer, responses=CLASSIFY_RESPONSES)
async def classify(
    body: Annotated[ClassifyRequest, Body(openapi_examples=CLASSIFY_EXAMPLES)],
    request: Request,
    service: ServiceDep,
    deadline: Deadline,
) -> Response:
    """Label texts: sentiment, topic, intent. Every label with its score, the best first."""
    return await answer(service, request, body, classifying(service.registry, body), deadline)


@router.post("/ner", response_model=NerAnswer, responses=NER_RESPONSES)
async def ner(
    body: Annotated[NerRequest, Body(openapi_examples=NER_EXAMPLES)],
    request: Request,
    service: ServiceDep,
    deadline: Deadline,
) -> Response:
    """Find named entities, each with the exact span of the text it stands in."""
    return await answer(service, request, body, finding_entities(service.registry, body), deadline)


def classifying(models: Catalog, body: ClassifyRequest) -> Task:
    """Return what a request to /v1/classify wants of which servable."""
    servable = models.resolve(body.model, "sequence-classification")
    manifest = servable.manifest
    threshold = _label_thresholds(manifest) if body.threshold is None else body.threshold

    def decode(encoded: EncodedInput, logits: Sequence[Logits]) -> str:
        pooled = pool_windows(encoded, logits)
        scores = row_scores(pooled, manifest.problem_type, manifest.temperature)
        ranked = rank_labels(scores, manifest.labels, body.top_k, threshold)
        labels = [{"label": item.label, "score": item.score} for item in ranked]
        return _result(encoded, labels=labels)

    return Task(servable, decode, ("classify", body.top_k, body.threshold))


def finding_entities(models: Catalog, body: NerRequest) -> Task:
    """Return what a request to /v1/ner wants of which servable."""
    servable = models.resolve(body.model, "token-classification")
    manifest, tags = servable.manifest, servable.tags
    _check_groups(body.labels or (), groups(tags))
    strategy = body.aggregation_strategy or manifest.defaults.aggregation_strategy
    threshold = manifest.defaults.threshold if body.threshold is None else body.threshold

    def decode(encoded: EncodedInput, logits: Sequence[Logits]) -> str:
        tokens = stitch_windows(encoded, logits)
        found = decode_entities(encoded.source.text, tokens, tags, strategy, manifest.temperature)
        kept = keep_entities(found, body.labels, threshold)
        return _result(encoded, entities=[dataclasses.asdict(entity) for entity in kept])

    return Task(servable, decode, ("ner", strategy, threshold, body.labels and tuple(body.labels)))


def _result(encoded: EncodedInput, **found: list[dict[str, Any]]) -> str:
    """Return one input's result as JSON, of the schema `ClassifyResult` or `NerResult`.

    Made without those: what is known to be right need not be validated for every text.
    """
    reading = {
        "tokens": encoded.tokens,
        "windows": len(encoded.windows),
        "truncated": encoded.truncated,
    }
    return to_json(reading | found).decode()


def _label_thresholds(manifest: Manifest) -> float | list[float]:
    """Return what labels must reach where the request does not say: one for all, or one a label."""
    tuned = manifest.defaults.label_thresholds
    if tuned is None:
        return manifest.defaults.threshold
    return [tuned[label] for label in manifest.labels]


def _check_groups(asked: Sequence[str], known: Sequence[str]) -> None:
    if unknown := sorted(set(asked) - set(known)):
        raise InvalidRequest(
            f"labels: the model has no entity group {', '.join(unknown)}; it has {', '.join(known)}"
        )
