"""Declares the inference routes: path, schema, and how a result is read from logits."""

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import to_json

from app.api.inference.decode_task import DecodeTask
from app.bundle import Manifest, Task
from app.engine.answer_cache import InputAnswer
from app.engine.answers.decoding import pool_windows, rank_labels, row_scores, stitch_windows
from app.engine.answers.entities import decode_entities, keep_entities
from app.engine.answers.tags import groups
from app.engine.models.catalog import Catalog
from app.engine.text.encoding import EncodedInput, Logits
from app.errors import InvalidRequest, brief
from app.schemas.requests import ClassifyRequest, InferenceRequest, NerRequest


@dataclass(frozen=True, slots=True)
class InferenceRoute:
    """A path, the schema of its body, and what a body wants of which servable."""

    path: str
    task: Task
    schema: type[InferenceRequest]
    make_task: Callable[[Catalog, Any], DecodeTask]


def classify_task(models: Catalog, body: ClassifyRequest) -> DecodeTask:
    """Return what a request to /v1/classify wants of which servable."""
    servable = models.resolve(body.model, "sequence-classification")
    manifest = servable.manifest
    threshold = _label_thresholds(manifest) if body.threshold is None else body.threshold

    def decode(encoded: EncodedInput, logits: Sequence[Logits]) -> InputAnswer:
        pooled = pool_windows(encoded, logits)
        scores = row_scores(pooled, manifest.problem_type, manifest.temperature)
        ranked = rank_labels(scores, manifest.labels, body.top_k, threshold)
        labels = [{"label": item.label, "score": item.score} for item in ranked]
        best = ranked[0].label if ranked else ""
        return InputAnswer(_result(encoded, labels=labels), (best,))

    return DecodeTask(servable, decode, ("classify", body.top_k, body.threshold))


def ner_task(models: Catalog, body: NerRequest) -> DecodeTask:
    """Return what a request to /v1/ner wants of which servable."""
    servable = models.resolve(body.model, "token-classification")
    manifest, tags = servable.manifest, servable.tags
    _check_groups(body.labels or (), groups(tags))
    strategy = body.aggregation_strategy or manifest.defaults.aggregation_strategy
    threshold = manifest.defaults.threshold if body.threshold is None else body.threshold

    def decode(encoded: EncodedInput, logits: Sequence[Logits]) -> InputAnswer:
        tokens = stitch_windows(encoded, logits)
        found = decode_entities(encoded.source.text, tokens, tags, strategy, manifest.temperature)
        kept = keep_entities(found, body.labels, threshold)
        result = _result(encoded, entities=[dataclasses.asdict(entity) for entity in kept])
        return InputAnswer(result, tuple([entity.entity_group for entity in kept]))

    options = ("ner", strategy, threshold, body.labels and tuple(body.labels))
    return DecodeTask(servable, decode, options, per_token=True)


# By what stands in the request line.
ROUTES = {
    route.path.encode(): route
    for route in (
        InferenceRoute("/v1/classify", "sequence-classification", ClassifyRequest, classify_task),
        InferenceRoute("/v1/ner", "token-classification", NerRequest, ner_task),
    )
}


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
    if manifest.problem_type == "regression":
        return -math.inf
    tuned = manifest.defaults.label_thresholds
    if tuned is None:
        return manifest.defaults.threshold
    return [tuned[label] for label in manifest.labels]


def _check_groups(asked: Sequence[str], known: Sequence[str]) -> None:
    if unknown := sorted(set(asked) - set(known)):
        asked_for, there = brief(", ".join(unknown)), ", ".join(known)
        raise InvalidRequest(f"labels: the model has no entity group {asked_for}; it has {there}")
