"""Makes answers of a servable's logits, as the inference routes do."""

from collections.abc import Callable, Sequence
from dataclasses import asdict

from app.engine.answers.decoding import pool_windows, rank_labels, row_scores, stitch_windows
from app.engine.answers.entities import decode_entities, keep_entities
from app.engine.models.servable import Servable
from app.engine.text.encoding import EncodedInput, Logits
from score.options import AnswerOptions
from score.scorers.base import Answer

Decode = Callable[[EncodedInput, Sequence[Logits]], Answer]


def make_decode(servable: Servable, options: AnswerOptions) -> Decode:
    """Return what reads a text's answer from the logits of its windows."""
    if servable.manifest.task == "token-classification":
        return _entities(servable, options)
    return _labels(servable, options)


def _labels(servable: Servable, options: AnswerOptions) -> Decode:
    manifest = servable.manifest
    given = options.threshold
    threshold = manifest.label_thresholds if given is None else given

    def decode(encoded: EncodedInput, logits: Sequence[Logits]) -> Answer:
        pooled = pool_windows(encoded, logits)
        scores = row_scores(pooled, manifest.problem_type, manifest.temperature)
        ranked = rank_labels(scores, manifest.labels, options.top_k, threshold)
        labels = [{"label": one.label, "score": one.score} for one in ranked]
        return _reading(encoded) | {"labels": labels}

    return decode


def _entities(servable: Servable, options: AnswerOptions) -> Decode:
    manifest, tags = servable.manifest, servable.tags
    strategy = options.aggregation_strategy or manifest.defaults.aggregation_strategy
    given = options.threshold
    threshold = manifest.defaults.threshold if given is None else given

    def decode(encoded: EncodedInput, logits: Sequence[Logits]) -> Answer:
        tokens = stitch_windows(encoded, logits)
        found = decode_entities(encoded.source.text, tokens, tags, strategy, manifest.temperature)
        kept = keep_entities(found, None, threshold)
        return _reading(encoded) | {"entities": [asdict(entity) for entity in kept]}

    return decode


def _reading(encoded: EncodedInput) -> Answer:
    return {
        "tokens": encoded.tokens,
        "windows": len(encoded.windows),
        "truncated": encoded.truncated,
    }
