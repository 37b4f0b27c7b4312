"""Reads opinions out of what several models answered: topic, sentiment, and who is named."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pydantic_core import from_json

from app.bundle.base import Task
from app.engine.answer_cache import InputAnswer
from app.engine.answers.tags import groups
from app.service import ModelAnswers
from app.settings.opinions import OpinionSettings

NEGATIVE = "negative"


class Mention(NamedTuple):
    """An entity that a text names, as the text spells it."""

    group: str
    name: str


@dataclass(frozen=True, slots=True)
class Opinion:
    """What was said of one text; nothing of a model that did not answer, or gave no label.

    Attributes:
        sentiment: the model's own label, but `negative` for every label that counts as such.
        mentions: of a negative text alone.
    """

    topic: str
    sentiment: str
    mentions: tuple[Mention, ...] = ()


class OpinionReader:
    """Knows which models say what of an opinion."""

    def __init__(self, settings: OpinionSettings) -> None:
        self._settings = settings

    def read(self, answers: Sequence[ModelAnswers]) -> Iterator[Opinion]:
        """Return the opinion of each text on which the sentiment model has one."""
        settings, by_model = self._settings, {one.servable.name: one for one in answers}
        texts = len(answers[0].answers)
        topics = _column(by_model.get(settings.opinion_topic_model), _LABELS, texts)
        sentiments = _column(by_model.get(settings.opinion_sentiment_model), _LABELS, texts)
        finder = by_model.get(settings.opinion_entity_model)
        named = _column(finder, "token-classification", texts)
        for topic, said, found in zip(topics, sentiments, named, strict=True):
            if not (sentiment := _label(said)):
                continue
            negative = sentiment in settings.negative
            mentions = _mentions(finder, found) if negative and finder and found else ()
            yield Opinion(_label(topic), NEGATIVE if negative else sentiment, mentions)


_LABELS: Task = "sequence-classification"


def _column(model: ModelAnswers | None, task: Task, texts: int) -> Sequence[InputAnswer | None]:
    """Return a model's answers; none where it was not asked, or does something else."""
    if model is None or model.servable.manifest.task != task:
        return [None] * texts
    return model.answers


def _label(answer: InputAnswer | None) -> str:
    return answer.labels[0] if answer is not None else ""


def _mentions(finder: ModelAnswers, answer: InputAnswer) -> tuple[Mention, ...]:
    """Return the entities of an answer as our own API writes it.

    Tokens that were not put together into entities have tags instead of groups, and do not count.
    """
    known = groups(finder.servable.tags)
    entities = from_json(answer.parts[0])["entities"] if answer.labels else []
    return tuple(
        [
            Mention(entity["entity_group"], entity["word"])
            for entity in entities
            if entity["entity_group"] in known
        ]
    )
