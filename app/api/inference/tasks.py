"""Finds what a request wants of which servable: how its inputs' logits become answers."""

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field

from app.api.inference.question import Question
from app.api.inference.writer import Writer
from app.bundle import Manifest
from app.engine.answer_cache import InputAnswer
from app.engine.answers.decoding import pool_windows, rank_labels, row_scores, stitch_windows
from app.engine.answers.entities import decode_entities, keep_entities
from app.engine.answers.tags import groups
from app.engine.models.catalog import Catalog
from app.engine.models.servable import Servable
from app.engine.text.encoding import EncodedInput, Logits
from app.errors import InvalidRequest, brief
from app.schemas.requests import ClassifyRequest, NerRequest

# Gives an input's result.
Decode = Callable[[EncodedInput, Sequence[Logits]], InputAnswer]


@dataclass(frozen=True, slots=True, eq=False)
class DecodeTask:
    """What a request wants of a servable.

    Attributes:
        options: all that `decode` takes from the request.
        per_token: `decode` takes time for each token, not for each input.
    """

    servable: Servable
    decode: Decode = field(repr=False)
    options: Hashable
    per_token: bool = False


def make_task(models: Catalog, question: Question) -> DecodeTask:
    """Return what a question wants; raise what `Catalog.resolve` raises, or InvalidRequest."""
    body = question.body
    if isinstance(body, NerRequest):
        return _ner_task(models, body, question.writer)
    assert isinstance(body, ClassifyRequest)  # there are two kinds
    return _classify_task(models, body, question.writer)


def _classify_task(models: Catalog, body: ClassifyRequest, writer: Writer) -> DecodeTask:
    servable = models.resolve(body.model, "sequence-classification")
    manifest = servable.manifest
    threshold = _label_thresholds(manifest, body) if body.threshold is None else body.threshold

    def decode(encoded: EncodedInput, logits: Sequence[Logits]) -> InputAnswer:
        pooled = pool_windows(encoded, logits)
        kind, temperature = manifest.problem_type, manifest.temperature
        scores = row_scores(pooled, kind, temperature, body.activation)
        ranked = rank_labels(scores, manifest.labels, body.top_k, threshold)
        best = ranked[0].label if ranked else ""
        return InputAnswer(writer.labels(encoded, manifest, scores, ranked), (best,))

    options = ("classify", writer.key, body.top_k, body.threshold, body.activation)
    return DecodeTask(servable, decode, options)


def _ner_task(models: Catalog, body: NerRequest, writer: Writer) -> DecodeTask:
    servable = models.resolve(body.model, "token-classification")
    manifest, tags = servable.manifest, servable.tags
    _check_groups(body.labels or (), groups(tags))
    strategy = body.aggregation_strategy or manifest.defaults.aggregation_strategy
    threshold = manifest.defaults.threshold if body.threshold is None else body.threshold

    def decode(encoded: EncodedInput, logits: Sequence[Logits]) -> InputAnswer:
        tokens = stitch_windows(encoded, logits)
        found = decode_entities(encoded.source.text, tokens, tags, strategy, manifest.temperature)
        kept = keep_entities(found, body.labels, threshold)
        named = tuple([entity.entity_group for entity in kept])
        return InputAnswer(writer.entities(encoded, kept), named)

    options = ("ner", writer.key, strategy, threshold, body.labels and tuple(body.labels))
    return DecodeTask(servable, decode, options, per_token=True)


def _label_thresholds(manifest: Manifest, body: ClassifyRequest) -> float | list[float]:
    """Return what labels must reach where the request does not say: one for all, or one a label.

    The bundle's own are for the scores that its own activation gives.
    """
    if manifest.problem_type == "regression" or body.activation != "default":
        return -math.inf
    tuned = manifest.defaults.label_thresholds
    if tuned is None:
        return manifest.defaults.threshold
    return [tuned[label] for label in manifest.labels]


def _check_groups(asked: Sequence[str], known: Sequence[str]) -> None:
    if unknown := sorted(set(asked) - set(known)):
        asked_for, there = brief(", ".join(unknown)), ", ".join(known)
        raise InvalidRequest(f"labels: the model has no entity group {asked_for}; it has {there}")
