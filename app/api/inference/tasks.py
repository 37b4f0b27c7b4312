"""Finds what a request wants of which servable: how its inputs' logits become answers."""

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field

from app.api.inference.question import EntityOptions, LabelOptions, Question
from app.api.inference.writer import LabelledText
from app.bundle.manifest import Manifest
from app.engine.answer_cache import InputAnswer
from app.engine.answers.decoding import pool_windows, rank_labels, row_scores, stitch_windows
from app.engine.answers.entities import decode_entities, keep_entities
from app.engine.answers.tags import groups
from app.engine.models.catalog import Catalog
from app.engine.models.servable import Servable
from app.engine.text.encoding import EncodedInput, Logits
from app.errors import InvalidRequest, brief

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
    if isinstance(question.options, EntityOptions):
        return _find_entities(models, question, question.options)
    return _label_texts(models, question, question.options)


def _label_texts(models: Catalog, question: Question, asked: LabelOptions) -> DecodeTask:
    servable, writer = models.resolve(question.model, "sequence-classification"), question.writer
    manifest = servable.manifest
    threshold = _label_thresholds(manifest, asked) if asked.threshold is None else asked.threshold
    bounded = _are_bounded(manifest, asked)

    def decode(encoded: EncodedInput, logits: Sequence[Logits]) -> InputAnswer:
        pooled = pool_windows(encoded, logits)
        kind, temperature = manifest.problem_type, manifest.temperature
        scores = row_scores(pooled, kind, temperature, asked.activation)
        ranked = rank_labels(scores, manifest.labels, asked.top_k, threshold)
        best = ranked[0].label if ranked else ""
        text = LabelledText(encoded, manifest, scores, ranked)
        return InputAnswer(writer.labels(text), (best,), (max(scores),) if bounded else ())

    return DecodeTask(servable, decode, (writer.key, asked))


def _find_entities(models: Catalog, question: Question, asked: EntityOptions) -> DecodeTask:
    servable, writer = models.resolve(question.model, "token-classification"), question.writer
    manifest, tags = servable.manifest, servable.tags
    _check_groups(asked.labels or (), groups(tags))
    strategy = asked.aggregation_strategy or manifest.defaults.aggregation_strategy
    threshold = manifest.defaults.threshold if asked.threshold is None else asked.threshold

    def decode(encoded: EncodedInput, logits: Sequence[Logits]) -> InputAnswer:
        tokens = stitch_windows(encoded, logits)
        found = decode_entities(encoded.source.text, tokens, tags, strategy, manifest.temperature)
        kept = keep_entities(found, asked.labels, threshold)
        named = tuple([entity.entity_group for entity in kept])
        scores = tuple([entity.score for entity in kept])
        return InputAnswer(writer.entities(encoded, kept), named, scores)

    return DecodeTask(servable, decode, (writer.key, asked), per_token=True)


def _label_thresholds(manifest: Manifest, asked: LabelOptions) -> float | list[float]:
    """Return what labels must reach where the request does not say.

    The bundle's own are for the scores that its own activation gives.
    """
    return manifest.label_thresholds if asked.activation == "default" else -math.inf


def _are_bounded(manifest: Manifest, asked: LabelOptions) -> bool:
    """Tell whether scores are from 0 to 1, and no logits or values of a regressor."""
    if asked.activation == "default":
        return manifest.problem_type != "regression"
    return asked.activation != "none"


def _check_groups(asked: Sequence[str], known: Sequence[str]) -> None:
    if unknown := sorted(set(asked) - set(known)):
        asked_for, there = brief(", ".join(unknown)), ", ".join(known)
        raise InvalidRequest(f"labels: the model has no entity group {asked_for}; it has {there}")
