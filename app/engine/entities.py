"""Token labels to entities, as transformers' token-classification pipeline aggregates them.

The five strategies, how sub-words are joined and how B- and I- tags open and continue an entity
follow `TokenClassificationPipeline` of transformers 4.57; `word` alone differs on purpose: it is
the text itself between `start` and `end`, never re-joined tokens.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from app.bundle import AggregationStrategy
from app.engine.decoding import Scores, TokenLogits, softmax

OUTSIDE = "O"


@dataclass(frozen=True, slots=True)
class Entity:
    """A labelled span; start and end are code points of the text, end exclusive."""

    entity_group: str
    score: float
    word: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Tagged:
    """A token or a word with its one tag."""

    tag: str
    score: float
    start: int
    end: int


@dataclass(frozen=True, slots=True, eq=False)
class _Token:
    scores: Scores
    start: int
    end: int
    subword: bool


def decode_entities(
    text: str, tokens: TokenLogits, labels: Sequence[str], strategy: AggregationStrategy
) -> list[Entity]:
    """Return the entities of a text in reading order, scores averaged over their parts."""
    scores = softmax(tokens.logits) if len(tokens.offsets) else np.zeros((0, len(labels)))
    pieces = [
        _Token(row, start, end, subword)
        for row, (start, end), subword in zip(scores, tokens.offsets, tokens.subwords, strict=True)
    ]
    if strategy in ("none", "simple"):
        tagged = [_tag(piece.scores, labels, piece.start, piece.end) for piece in pieces]
    else:
        tagged = [_WORD_RULES[strategy](word, labels) for word in _words(pieces)]
    if strategy == "none":
        return [_entity(text, [one], one.tag) for one in tagged if one.tag != OUTSIDE]
    named = ((split_tag(group[0].tag)[1], group) for group in _groups(tagged))
    return [_entity(text, group, name) for name, group in named if name != OUTSIDE]


def keep_entities(
    entities: Sequence[Entity], groups: Collection[str] | None, threshold: float
) -> list[Entity]:
    """Return the entities of the asked groups whose score reaches the threshold."""
    return [
        entity
        for entity in entities
        if entity.score >= threshold and (groups is None or entity.entity_group in groups)
    ]


def split_tag(tag: str) -> tuple[str, str]:
    """Return prefix and group of a tag; a tag without prefix counts as inside."""
    prefix, dash, group = tag.partition("-")
    return (prefix, group) if dash and prefix in ("B", "I") else ("I", tag)


def _tag(scores: Scores, labels: Sequence[str], start: int, end: int) -> _Tagged:
    best = int(scores.argmax())
    return _Tagged(labels[best], float(scores[best]), start, end)


def _words(tokens: Sequence[_Token]) -> Iterator[list[_Token]]:
    word: list[_Token] = []
    for token in tokens:
        if word and not token.subword:
            yield word
            word = []
        word.append(token)
    if word:
        yield word


def _first(word: Sequence[_Token], labels: Sequence[str]) -> _Tagged:
    return _tag(word[0].scores, labels, word[0].start, word[-1].end)


def _average(word: Sequence[_Token], labels: Sequence[str]) -> _Tagged:
    mean = np.mean([token.scores for token in word], axis=0)
    return _tag(mean, labels, word[0].start, word[-1].end)


def _max(word: Sequence[_Token], labels: Sequence[str]) -> _Tagged:
    best = max(word, key=lambda token: float(token.scores.max()))
    return _tag(best.scores, labels, word[0].start, word[-1].end)


_WORD_RULES: dict[str, Callable[[Sequence[_Token], Sequence[str]], _Tagged]] = {
    "first": _first,
    "average": _average,
    "max": _max,
}


def _groups(tagged: Sequence[_Tagged]) -> Iterator[list[_Tagged]]:
    """Join neighbours of one group; only B- opens a new entity of the group before it."""
    group: list[_Tagged] = []
    for current in tagged:
        prefix, name = split_tag(current.tag)
        if group and (prefix == "B" or name != split_tag(group[-1].tag)[1]):
            yield group
            group = []
        group.append(current)
    if group:
        yield group


def _entity(text: str, parts: Sequence[_Tagged], name: str) -> Entity:
    start, end = parts[0].start, parts[-1].end
    score = float(np.mean([part.score for part in parts]))
    return Entity(name, round(score, 6), text[start:end], start, end)
