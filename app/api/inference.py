"""POST /v1/classify and POST /v1/ner: validate, encode, run, decode, respond."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Request
from starlette.responses import Response

from app.api.deps import Deadline, Service, ServiceDep, require
from app.api.disconnect import until_disconnected
from app.api.examples import CLASSIFY_EXAMPLES, CLASSIFY_RESPONSES, NER_EXAMPLES, NER_RESPONSES
from app.bundle import LongText, Manifest
from app.engine.decoding import Logits, label_scores, pool_windows, rank_labels, stitch_windows
from app.engine.entities import decode_entities, keep_entities
from app.engine.servable import Servable
from app.engine.tags import groups
from app.engine.tokenization import EncodedInput, TextInput
from app.errors import InvalidRequest
from app.schemas import (
    Answer,
    ClassifyAnswer,
    ClassifyRequest,
    ClassifyResult,
    Entity,
    InferenceRequest,
    Label,
    NerAnswer,
    NerRequest,
    NerResult,
    Result,
)

router = APIRouter(prefix="/v1", tags=["inference"], dependencies=[Depends(require("predict"))])

# Encoding this many characters takes about a millisecond; more of them would hold up every other
# request of the event loop, so they go to a thread.
INLINE_CHARACTERS = 4096


@dataclass(frozen=True, slots=True, eq=False)
class Answered:
    """A request's inputs with their logits by window, and the seconds of each stage."""

    servable: Servable
    inputs: Sequence[tuple[EncodedInput, Sequence[Logits]]]
    stages: dict[str, float]


@router.post("/classify", response_model=ClassifyAnswer, responses=CLASSIFY_RESPONSES)
async def classify(
    body: Annotated[ClassifyRequest, Body(openapi_examples=CLASSIFY_EXAMPLES)],
    request: Request,
    service: ServiceDep,
    deadline: Deadline,
) -> Response:
    """Label texts: sentiment, topic, intent. Every label with its score, the best first."""
    servable = service.registry.resolve(body.model, "sequence-classification")
    answered = await answer(service, request, body, servable, deadline)
    manifest = servable.manifest
    threshold = _label_thresholds(manifest) if body.threshold is None else body.threshold

    def decode(encoded: EncodedInput, logits: Sequence[Logits]) -> ClassifyResult:
        pooled = pool_windows(encoded, logits)
        scores = label_scores(pooled, manifest.problem_type, manifest.temperature)
        ranked = rank_labels(scores, manifest.labels, body.top_k, threshold)
        labels = [Label(label=item.label, score=item.score) for item in ranked]
        return ClassifyResult(labels=labels, **_reading(encoded))

    return respond(service, answered, decode, ClassifyAnswer)


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
    answered = await answer(service, request, body, servable, deadline)
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

    return respond(service, answered, decode, NerAnswer)


async def answer(
    service: Service,
    request: Request,
    body: InferenceRequest,
    servable: Servable,
    deadline: float,
) -> Answered:
    """Encode the inputs, run them all, and sort the logits back to the inputs."""
    limit = service.settings.max_inputs
    if len(body.inputs) > limit:
        raise InvalidRequest(
            f"inputs: {len(body.inputs)} inputs, the limit is {limit}; send them in several "
            "requests, or raise CLASSMARK_MAX_INPUTS"
        )
    request.state.model = servable.name
    started = time.perf_counter()
    encoded = await encode(service, servable, body)
    encode_seconds = time.perf_counter() - started
    windows = [window for one in encoded for window in one.windows]
    run = await until_disconnected(request, service.engine.run(servable, windows, deadline))
    logits = iter(run.logits)
    inputs = [(one, [next(logits) for _ in one.windows]) for one in encoded]
    stages = {"encode": encode_seconds, "queue": run.queue_seconds, "run": run.run_seconds}
    return Answered(servable, inputs, stages)


async def encode(
    service: Service, servable: Servable, body: InferenceRequest
) -> list[EncodedInput]:
    """Encode every input, in a thread if there is much to encode."""
    sources = [
        TextInput(item) if isinstance(item, str) else TextInput(item.text, item.text_pair)
        for item in body.inputs
    ]
    long_text: LongText = body.long_text or servable.manifest.defaults.long_text
    max_windows = service.settings.max_windows

    def encode_all() -> list[EncodedInput]:
        return [servable.encode(source, long_text, max_windows) for source in sources]

    if sum(source.characters for source in sources) <= INLINE_CHARACTERS:
        return encode_all()
    return await asyncio.to_thread(encode_all)


def respond(
    service: Service,
    answered: Answered,
    decode: Callable[[EncodedInput, Sequence[Logits]], Result],
    answer_type: Callable[..., Answer],
) -> Response:
    """Decode, record and serialize."""
    servable, stages = answered.servable, answered.stages
    started = time.perf_counter()
    results = [decode(encoded, logits) for encoded, logits in answered.inputs]
    body = answer_type(model=servable.name, version=servable.version, results=results)
    content = body.model_dump_json()
    stages["decode"] = time.perf_counter() - started
    series = service.metrics.of(servable.name)
    for stage, seconds in stages.items():
        series.stage_seconds[stage].observe(seconds)
    for encoded, _ in answered.inputs:
        series.input_tokens.observe(encoded.tokens)
        if encoded.truncated:
            series.truncated_inputs.inc()
    timing = ", ".join(f"{stage};dur={seconds * 1000:.2f}" for stage, seconds in stages.items())
    return Response(content, headers={"Server-Timing": timing}, media_type="application/json")


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
