"""Compare the answers of two subjects to one text."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from app.engine.answers.decoding import label_scores
from app.engine.text.encoding import Encoding, TextInput
from export.compare.subjects import AnsweredSubject
from export.parity.agreement import Agreement, compare_logits
from export.reference.evaluation import choose, find_entities
from offline.readers.examples import Span


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: a label, or an entity with its words."""

    name: str
    score: float


@dataclass(frozen=True, slots=True)
class TextPair:
    """The answers of both subjects to one text.

    Attributes:
        labels: equal labels, of the text or of its tokens, and the largest difference of a score;
            None if the tokenizers cut the text differently.
        answers: A's and B's. For NER, only the entities that the other lacks.
        weight: size of the change: the score difference, or the scores of those entities.
    """

    source: TextInput = field(repr=False)
    equal: bool
    labels: Agreement | None
    answers: tuple[tuple[Answer, ...], tuple[Answer, ...]]
    weight: float


def pair_answers(a: AnsweredSubject, b: AnsweredSubject, index: int) -> TextPair:
    """Pair the answers to one input; both subjects have their labels in the same order."""
    if a.config.task == "token-classification":
        return _entity_pair(a, b, index)
    return _label_pair(a, b, index)


def _label_pair(a: AnsweredSubject, b: AnsweredSubject, index: int) -> TextPair:
    labels = _agreement(a, b, index)
    return TextPair(
        source=a.workload.inputs[index],
        equal=labels.equal == labels.compared,
        labels=labels,
        answers=(_labels(a, index), _labels(b, index)),
        weight=labels.score_difference,
    )


def _labels(subject: AnsweredSubject, index: int) -> tuple[Answer, ...]:
    """Return the labels given to a text; if there are none, name the best one."""
    logits = subject.workload.logits[index]
    scores = label_scores(logits, subject.config.problem_type)
    given = zip(subject.config.labels, scores, choose(subject.config, logits), strict=True)
    chosen = tuple(Answer(label, float(score)) for label, score, yes in given if yes)
    best = int(scores.argmax())
    return chosen or (Answer(f"none, not even {subject.config.labels[best]}", float(scores[best])),)


def _entity_pair(a: AnsweredSubject, b: AnsweredSubject, index: int) -> TextPair:
    left, right = _entities(a, index), _entities(b, index)
    lost = tuple(one for span, one in left.items() if span not in right)
    new = tuple(one for span, one in right.items() if span not in left)
    alike = _same_tokens(a.workload.encodings[index], b.workload.encodings[index])
    return TextPair(
        source=a.workload.inputs[index],
        equal=not (lost or new),
        labels=_agreement(a, b, index) if alike else None,
        answers=(lost, new),
        weight=sum(one.score for one in (*lost, *new)),
    )


def _entities(subject: AnsweredSubject, index: int) -> dict[Span, Answer]:
    logits = subject.workload.logits[index]
    return {
        Span(e.start, e.end, e.entity_group): Answer(f"{e.entity_group} {e.word!r}", e.score)
        for e in find_entities(subject.config, subject.workload, index, logits)
    }


def _agreement(a: AnsweredSubject, b: AnsweredSubject, index: int) -> Agreement:
    logits = [[subject.workload.logits[index]] for subject in (a, b)]
    return compare_logits(a.config, [a.workload.encodings[index]], *logits)


def _same_tokens(left: Encoding, right: Encoding) -> bool:
    return left.tokens == right.tokens and _places(left) == _places(right)


def _places(encoding: Encoding) -> Sequence[tuple[int, tuple[int, int]]]:
    return [(i, encoding.offsets[i]) for i in encoding.content]
