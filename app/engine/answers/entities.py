"""Turns token labels into entities, as transformers' token-classification pipeline does.

The five strategies, the joining of sub-words, and the effects of B- and I- tags follow
`TokenClassificationPipeline` of transformers 4.57. Two things differ on purpose: `word` is exactly
the text between `start` and `end`, never re-joined tokens; and the blanks that some tokenizers keep
are cut off a span's ends, so a span of blanks alone is dropped.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from app.bundle.base import AggregationStrategy
from app.engine.answers.decoding import Scores, TokenLogits, softmax, temper
from app.engine.answers.tags import Tag


@dataclass(frozen=True, slots=True)
class EntitySpan:
    """A labelled span; start and end are code points of the text, end exclusive."""

    entity_group: str
    score: float
    word: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Tagged:
    """A token or a word with its one tag."""

    tag: Tag
    score: float
    start: int
    end: int


@dataclass(slots=True, eq=False)
class _Token:
    """A token with its scores [tags], the index of the best tag, and that tag's score."""

    scores: Scores
    best: int
    score: float
    start: int
    end: int
    subword: bool


def decode_entities(
    text: str,
    tokens: TokenLogits,
    tags: Sequence[Tag],
    strategy: AggregationStrategy,
    temperature: float = 1.0,
) -> list[EntitySpan]:
    """Return the entities of a text in reading order, scores averaged over their parts.

    Args:
        temperature: from the bundle's calibration; 1 gives the checkpoint's own scores.
    """
    known = len(tokens.offsets) > 0
    scores = softmax(temper(tokens.logits, temperature)) if known else np.zeros((0, len(tags)))
    pieces = _tokens(scores, tokens)
    if strategy in ("none", "simple"):
        tagged = [_Tagged(tags[one.best], one.score, one.start, one.end) for one in pieces]
    else:
        rule = _WORD_RULES[strategy]
        tagged = [rule(word, tags) for word in _words(pieces)]
    if strategy == "none":
        named = [(one.tag.label, [one]) for one in tagged if not one.tag.outside]
    else:
        parts = (group for group in _groups(tagged) if not group[0].tag.outside)
        named = [(group[0].tag.group, group) for group in parts]
    entities = (_entity(text, group, name) for name, group in named)
    return [entity for entity in entities if entity.word]


def keep_entities(
    entities: Sequence[EntitySpan], groups: Collection[str] | None, threshold: float
) -> list[EntitySpan]:
    """Return the entities of the requested groups whose score reaches the threshold."""
    return [
        entity
        for entity in entities
        if entity.score >= threshold and (groups is None or entity.entity_group in groups)
    ]


def _tokens(scores: Scores, tokens: TokenLogits) -> list[_Token]:
    best, highest = scores.argmax(axis=1).tolist(), scores.max(axis=1, initial=0.0).tolist()
    return [
        _Token(row, number, score, start, end, subword)
        for row, number, score, (start, end), subword in zip(
            scores, best, highest, tokens.offsets, tokens.subwords, strict=True
        )
    ]


def _words(tokens: Sequence[_Token]) -> Iterator[list[_Token]]:
    word: list[_Token] = []
    for token in tokens:
        if word and not token.subword:
            yield word
            word = []
        word.append(token)
    if word:
        yield word


def _first(word: Sequence[_Token], tags: Sequence[Tag]) -> _Tagged:
    return _Tagged(tags[word[0].best], word[0].score, word[0].start, word[-1].end)


def _average(word: Sequence[_Token], tags: Sequence[Tag]) -> _Tagged:
    if len(word) == 1:
        return _first(word, tags)
    mean = np.mean([token.scores for token in word], axis=0)
    best = int(mean.argmax())
    return _Tagged(tags[best], float(mean[best]), word[0].start, word[-1].end)


def _max(word: Sequence[_Token], tags: Sequence[Tag]) -> _Tagged:
    surest = max(word, key=lambda token: token.score)
    return _Tagged(tags[surest.best], surest.score, word[0].start, word[-1].end)


_WORD_RULES: dict[str, Callable[[Sequence[_Token], Sequence[Tag]], _Tagged]] = {
    "first": _first,
    "average": _average,
    "max": _max,
}


def _groups(tagged: Sequence[_Tagged]) -> Iterator[list[_Tagged]]:
    """Join neighbours of one kind, unless a tag closes the entity or opens another."""
    group: list[_Tagged] = []
    for current in tagged:
        if group and _parts(group[-1].tag, current.tag):
            yield group
            group = []
        group.append(current)
    if group:
        yield group


def _parts(before: Tag, after: Tag) -> bool:
    return before.closes or after.opens or before.kind != after.kind


def _entity(text: str, parts: Sequence[_Tagged], name: str) -> EntitySpan:
    covered = text[parts[0].start : parts[-1].end]
    word = covered.strip()
    start = parts[0].start + len(covered) - len(covered.lstrip())
    score = fmean(part.score for part in parts)
    return EntitySpan(name, round(score, 6), word, start, start + len(word))
