"""The opinions of one service, however many processes, and none of its users' words elsewhere."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.monitor.named_entities import normalise
from app.monitor.schema import NamedEntityList
from tests.support.server import KEY, Server, key_line, serving
from tests.support.texts import random_texts

# The tiny models are random, so what they say is read from their answers.
SETTINGS = {
    "analyze_models": "nli,mood,names",
    "opinion_topic_model": "nli",
    "opinion_sentiment_model": "mood",
    "opinion_entity_model": "names",
    "negative_labels": "negative,neutral,positive",
    "log_level": "debug",
}
TEXTS = random_texts(40, seed=11) + ["angela merkel met john smith in berlin"]
ADMIN = "a-key-for-administration"


@pytest.fixture(params=[1, 2])
def server(request: pytest.FixtureRequest, dialect_store: Path) -> Iterator[Server]:
    with serving(dialect_store, workers=request.param, drain_seconds=0, **SETTINGS) as running:
        yield running


def analyze(server: Server, **body: Any) -> list[dict[str, Any]]:
    """Ask over a connection of its own, so that any front end may answer."""
    with server.client() as client:
        answer = client.post("/v1/analyze", json={"inputs": TEXTS, **body})
    assert answer.status_code == 200, answer.text
    results: list[dict[str, Any]] = answer.json()["results"]
    return results


def entities(server: Server, **asked: Any) -> NamedEntityList:
    with server.client() as client:
        answer = client.get("/v1/opinions/entities", params=asked)
    assert answer.status_code == 200, answer.text
    return NamedEntityList.model_validate_json(answer.content)


def counts(server: Server, **asked: Any) -> Counter[tuple[str, str]]:
    found = entities(server, limit=1000, **asked).entities
    assert all(one.error == 0 for one in found)
    assert [one.count for one in found] == sorted((one.count for one in found), reverse=True)
    return Counter({(one.entity_group, normalise(one.name)): one.count for one in found})


def named(results: list[dict[str, Any]], topic: str | None = None) -> Counter[tuple[str, str]]:
    """Return how many of the texts name what."""
    return Counter(
        name
        for result in results
        if topic is None or topic == result["nli"]["labels"][0]["label"]
        for name in {
            (one["entity_group"], normalise(one["word"])) for one in result["names"]["entities"]
        }
    )


def times(found: Counter[tuple[str, str]], number: int) -> Counter[tuple[str, str]]:
    return Counter({name: number * count for name, count in found.items()})


def opinions(server: Server) -> dict[str, float]:
    with server.client() as client:
        lines = client.get("/metrics").text.splitlines()
    rows = (line.rpartition(" ") for line in lines if line.startswith("classmark_opinions_total"))
    return {series: float(value) for series, _, value in rows}


def test_what_all_processes_were_asked_is_counted_whichever_tells_of_it(server: Server) -> None:
    rounds = 8
    for _ in range(rounds):
        results = analyze(server)
    assert len(named(results)) > 5
    topics = {result["nli"]["labels"][0]["label"] for result in results}
    for _ in range(4):
        assert counts(server) == times(named(results), rounds)
        assert counts(server, window="day") == times(named(results), rounds)
        for topic in topics:
            assert counts(server, topic=topic) == times(named(results, topic), rounds)
        people = {name: n for name, n in named(results).items() if name[0] == "PER"}
        assert counts(server, entity_group="PER") == times(Counter(people), rounds)
        assert sum(opinions(server).values()) == rounds * len(TEXTS)
    assert all('sentiment="negative"' in series for series in opinions(server))
    assert len(entities(server).entities) <= 20
    assert len(entities(server, limit=3).entities) == 3
    with server.client() as client:
        for asked in ({"limit": 0}, {"limit": 1001}, {"window": "week"}):
            refused = client.get("/v1/opinions/entities", params=asked)
            assert refused.status_code == 422
        everything = (client.get("/metrics").text + "\n".join(server.log)).casefold()
    names = {name for _, name in named(results)}  # in lower case, however they are written
    words = [word.casefold() for word in {*TEXTS, *names} if len(word) > 12]  # no part of another
    assert words
    assert not [word for word in words if word in everything]


def test_requests_to_some_of_the_models_count_as_far_as_they_say_something(
    dialect_store: Path,
) -> None:
    with serving(dialect_store, **SETTINGS) as server:
        analyze(server, models=["rank", "nli"])
        analyze(server, models=["names"])
        assert opinions(server) == {}
        assert not counts(server)
        analyze(server, models=["mood", "nli"])
        assert sum(opinions(server).values()) == len(TEXTS)
        assert not counts(server)
        results = analyze(server, models=["mood", "names"])
        assert sum(opinions(server).values()) == len(TEXTS)
        assert counts(server) == named(results)


def test_answers_of_the_cache_count_like_others(dialect_store: Path) -> None:
    with serving(dialect_store, cache_megabytes=10, **SETTINGS) as server:
        for _ in range(3):
            results = analyze(server)
        assert counts(server) == times(named(results), 3)
        assert sum(opinions(server).values()) == 3 * len(TEXTS)


def test_users_words_are_for_administrators_alone(dialect_store: Path, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text(key_line("app", "predict", KEY) + key_line("ops", "admin", ADMIN))
    statuses = []
    with (
        serving(dialect_store, api_keys_file=keys, **SETTINGS) as server,
        server.client() as client,
    ):
        for head in ({}, {"authorization": f"Bearer {KEY}"}, {"authorization": f"Bearer {ADMIN}"}):
            statuses.append(client.get("/v1/opinions/entities", headers=head).status_code)
    assert statuses == [401, 403, 200]
