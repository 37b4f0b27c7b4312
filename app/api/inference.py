"""POST /v1/classify and POST /v1/ner: what each asks of a servable, and how its answer is read."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Request
from starlette.responses import Response

from app.api.answering import Task, answer
from app.api.deps import Deadline, ServiceDep, require
from app.api.examples import CLASSIFY_EXAMPLES, CLASSIFY_RESPONSES, NER_EXAMPLES, NER_RESPONSES
from app.bundle import Manifest
from app.engine.decoding import Logits, label_scores, pool_windows, rank_labels, stitch_windows
from app.engine.entities import decode_entities, keep_entities
from app.engine.tags import groups
from app.engine.tokenization import EncodedInput
from app.errors import InvalidRequest
from app.schemas import (
    ClassifyAnswer,
    ClassifyRequest,
    ClassifyResult,
    Entity,
    Label,
    NerAnswer,
    NerRequest,
    NerResult,
)

router = APIRouter(prefix="/v1", tags=["inference"], dependencies=[Depends(require("predict"))])


@router.post("/classify", response_model=ClassifyAnswer, responses=CLASSIFY_RESPONSES)
async def classify(
    body: Annotated[ClassifyRequest, Body(openapi_examples=CLASSIFY_EXAMPLES)],
    request: Request,
    service: ServiceDep,
    deadline: Deadline,
) -> Response:
    """Label texts: sentiment, topic, intent. Every label with its score, the best first."""
    servable = service.registry.resolve(body.model, "sequence-classification")
    manifest = servable.manifest
    threshold = _label_thresholds(manifest) if body.threshold is None else body.threshold

    def decode(encoded: EncodedInput, logits: Sequence[Logits]) -> ClassifyResult:
        pooled = pool_windows(encoded, logits)
        scores = label_scores(pooled, manifest.problem_type, manifest.temperature)
        ranked = rank_labels(scores, manifest.labels, body.top_k, threshold)
        labels = [Label(label=item.label, score=item.score) for item in ranked]
        return ClassifyResult(labels=labels, **_reading(encoded))

    options = ("classify", body.top_k, body.threshold)
    return await answer(service, request, body, Task(servable, decode, options, deadline))


@router.post("/ner", response_model=NerAnswer, responses=NER_RESPONSES)
async def ner(
    body: Annotated[NerRequest, Body(openapi_examples=NER_EXAMPLES)],
    request: Request,
    service: ServiceDep,
    deadline: Deadline,
) -> Response:
    """Find named entities, each with the exact span of the text it stands in."""
    servable = service.registry.resolve(body.model, "token-classification")
    manifest, tags = servable.manifest, servable.tags
    _check_groups(body.labels or (), groups(tags))
    strategy = body.aggregation_strategy or manifest.defaults.aggregation_strategy
    threshold = manifest.defaults.threshold if body.threshold is None else body.threshold

    def decode(encoded: EncodedInput, logits: Sequence[Logits]) -> NerResult:
        tokens = stitch_windows(encoded, logits)
        found = decode_entities(encoded.source.text, tokens, tags, strategy, manifest.temperature)
        kept = keep_entities(found, body.labels, threshold)
        entities = [
            Entity(
                entity_group=e.entity_group, score=e.score, word=e.word, start=e.start, end=e.end
            )
            for e in kept
        ]
        return NerResult(entities=entities, **_reading(encoded))

    options = ("ner", strategy, threshold, body.labels and tuple(body.labels))
    return await answer(service, request, body, Task(servable, decode, options, deadline))


def _reading(encoded: EncodedInput) -> dict[str, Any]:
    return {
        "tokens": encoded.tokens,
        "windows": len(encoded.windows),
        "truncated": encoded.truncated,
    }


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
