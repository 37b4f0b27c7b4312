"""What two sides answer to one text, and how the two answers differ."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from app.engine.answers.decoding import label_scores
from app.engine.text.encoding import Encoding, TextInput
from export.compare.subjects import Side
from export.parity.measure import Agreement, compare
from export.reference.evaluation import choose, find_entities
from export.reference.examples import Span


@dataclass(frozen=True, slots=True)
class Given:
    """A part of an answer: a label, or an entity with its words."""

    name: str
    score: float


@dataclass(frozen=True, slots=True)
class TextPair:
    """What both sides answer to one text.

    Attributes:
        labels: equal labels, the text's one or those of its tokens, and the largest difference of
            a score; None where the tokenizers cut the text differently.
        answers: A's and B's. For NER, only the entities that the other side has not.
        weight: how bad a change is: the score difference, or the scores of those entities.
    """

    source: TextInput = field(repr=False)
    equal: bool
    labels: Agreement | None
    answers: tuple[tuple[Given, ...], tuple[Given, ...]]
    weight: float


def pair_answers(a: Side, b: Side, index: int) -> TextPair:
    """Put the answers to one input side by side; both sides have their labels in one order."""
    if a.config.task == "token-classification":
        return _entity_pair(a, b, index)
    return _label_pair(a, b, index)


def _label_pair(a: Side, b: Side, index: int) -> TextPair:
    labels = _agreement(a, b, index)
    return TextPair(
        source=a.workload.inputs[index],
        equal=labels.equal == labels.compared,
        labels=labels,
        answers=(_labels(a, index), _labels(b, index)),
        weight=labels.score_difference,
    )


def _labels(side: Side, index: int) -> tuple[Given, ...]:
    """Return the labels given to a text; where none is, what the best would have been."""
    logits = side.workload.logits[index]
    scores = label_scores(logits, side.config.problem_type)
    given = zip(side.config.labels, scores, choose(side.config, logits), strict=True)
    chosen = tuple(Given(label, float(score)) for label, score, yes in given if yes)
    best = int(scores.argmax())
    return chosen or (Given(f"none, not even {side.config.labels[best]}", float(scores[best])),)


def _entity_pair(a: Side, b: Side, index: int) -> TextPair:
    left, right = _entities(a, index), _entities(b, index)
    lost = tuple(given for span, given in left.items() if span not in right)
    new = tuple(given for span, given in right.items() if span not in left)
    alike = _same_tokens(a.workload.encodings[index], b.workload.encodings[index])
    return TextPair(
        source=a.workload.inputs[index],
        equal=not (lost or new),
        labels=_agreement(a, b, index) if alike else None,
        answers=(lost, new),
        weight=sum(given.score for given in (*lost, *new)),
    )


def _entities(side: Side, index: int) -> dict[Span, Given]:
    logits = side.workload.logits[index]
    return {
        Span(e.start, e.end, e.entity_group): Given(f"{e.entity_group} {e.word!r}", e.score)
        for e in find_entities(side.config, side.workload, index, logits)
    }


def _agreement(a: Side, b: Side, index: int) -> Agreement:
    logits = [[side.workload.logits[index]] for side in (a, b)]
    return compare(a.config, [a.workload.encodings[index]], *logits)


def _same_tokens(left: Encoding, right: Encoding) -> bool:
    return left.tokens == right.tokens and _places(left) == _places(right)


def _places(encoding: Encoding) -> Sequence[tuple[int, tuple[int, int]]]:
    return [(i, encoding.offsets[i]) for i in encoding.content]
