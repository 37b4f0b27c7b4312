"""Opinions are counted from what topic and sentiment models say together of a text."""

import json
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry
from pydantic import ValidationError

from app.engine.answer_cache import InputAnswer
from app.engine.answers.tags import read_tags
from app.monitor.counter import OpinionCounter
from app.monitor.opinions import Mention, Opinion, OpinionReader
from app.service import ModelAnswers
from app.settings.opinions import OpinionSettings
from app.telemetry.predictions import MOST_LABELS

TAGS = ("O", "B-PER", "I-PER", "B-ORG", "I-ORG")


def labelled(name: str, *labels: str | None) -> ModelAnswers:
    """Return a model's answers; None for a text that it failed on."""
    servable = SimpleNamespace(name=name, manifest=SimpleNamespace(task="sequence-classification"))
    answers = [None if label is None else InputAnswer(("{}",), (label,)) for label in labels]
    return ModelAnswers(cast(Any, servable), answers)


def found(name: str, *texts: Sequence[tuple[str, str]]) -> ModelAnswers:
    """Return a model's answers: (group, word) of each text's entities."""
    manifest = SimpleNamespace(task="token-classification")
    servable = SimpleNamespace(name=name, manifest=manifest, tags=read_tags(TAGS, None))
    answers = []
    for text in texts:
        entities = [{"entity_group": group, "word": word} for group, word in text]
        parts = (json.dumps({"entities": entities}),)
        answers.append(InputAnswer(parts, tuple(group for group, _ in text)))
    return ModelAnswers(cast(Any, servable), answers)


def read(*answers: ModelAnswers, **settings: str) -> list[Opinion]:
    return list(OpinionReader(OpinionSettings(**cast(Any, settings))).read(answers))


def test_an_opinion_is_what_both_models_say_of_a_text() -> None:
    topics, sentiments = (
        labelled("topic", "tech", "sports"),
        labelled("sentiment", "good", "negative"),
    )
    assert read(topics, sentiments) == [Opinion("tech", "good"), Opinion("sports", "negative")]
    assert read(sentiments, topics) == read(topics, sentiments)


def test_every_negative_label_counts_as_negative() -> None:
    stars = labelled("stars", "1 star", "2 stars, bad", "3 stars")
    settings = {"opinion_sentiment_model": "stars"}
    settings["negative_labels"] = '["1 star", "2 stars, bad"]'
    assert [one.sentiment for one in read(stars, **settings)] == ["negative", "negative", "3 stars"]
    settings["negative_labels"] = "1 star, 3 stars"
    assert [one.sentiment for one in read(stars, **settings)][::2] == ["negative", "negative"]


def test_who_is_named_matters_in_negative_texts_alone() -> None:
    sentiments = labelled("sentiment", "negative", "positive", "negative")
    named = found("ner", [("ORG", "IBM"), ("PER", "Tim Cook")], [("ORG", "SAP")], [])
    assert read(sentiments, named) == [
        Opinion("", "negative", (Mention("ORG", "IBM"), Mention("PER", "Tim Cook"))),
        Opinion("", "positive"),
        Opinion("", "negative"),
    ]


def test_tokens_that_were_not_put_together_are_no_names() -> None:
    named = found("ner", [("B-ORG", "I"), ("I-ORG", "BM")])
    assert read(labelled("sentiment", "negative"), named) == [Opinion("", "negative")]


def test_a_text_that_a_model_failed_on_has_what_the_others_say() -> None:
    topics, sentiments = labelled("topic", "tech", None), labelled("sentiment", None, "good")
    assert read(topics, sentiments) == [Opinion("", "good")]
    below_every_threshold = labelled("sentiment", "")
    assert read(below_every_threshold) == []


def test_models_of_another_kind_say_nothing_of_an_opinion() -> None:
    assert read(labelled("topic", "tech"), found("sentiment", [("ORG", "negative")])) == []
    assert read(labelled("sentiment", "negative"), labelled("ner", "ORG")) == [
        Opinion("", "negative")
    ]
    assert read(labelled("others", "tech")) == []


def test_opinions_are_counted_by_topic_and_sentiment_and_only_with_both() -> None:
    registry = CollectorRegistry()
    counter = OpinionCounter(registry)
    for opinion in (Opinion("tech", "negative"), Opinion("tech", "negative"), Opinion("", "good")):
        counter.count(opinion)
    (family,) = registry.collect()
    assert len([one for one in family.samples if one.name == "classmark_opinions_total"]) == 1
    labels = {"topic": "tech", "sentiment": "negative"}
    assert registry.get_sample_value("classmark_opinions_total", labels) == 2


def test_thousands_of_labels_do_not_become_thousands_of_series() -> None:
    registry = CollectorRegistry()
    counter = OpinionCounter(registry)
    for number in range(MOST_LABELS + 50):
        counter.count(Opinion(f"topic {number}", "good"))
        counter.count(Opinion("tech", f"sentiment {number}"))
    (family,) = registry.collect()
    totals = [one for one in family.samples if one.name == "classmark_opinions_total"]
    topics = {one.labels["topic"] for one in totals}
    assert len(topics) == MOST_LABELS + 1
    assert "other" in topics
    assert sum(one.value for one in totals) == 2 * (MOST_LABELS + 50)


@pytest.mark.parametrize("name", ["negative_labels", "analyze_models"])
@pytest.mark.parametrize("value", ["", " , ", "[]", "[1]", "[", "[[]]"])
def test_a_list_that_names_nothing_stops_the_start(name: str, value: str) -> None:
    with pytest.raises(ValidationError):
        OpinionSettings(**cast(Any, {name: value}))
