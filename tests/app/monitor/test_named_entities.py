"""Names of negative texts are counted for an hour or a day, whatever their spelling."""

import json
import random
from typing import Any

import pytest

from app.monitor.named_entities import (
    ANY_TOPIC,
    LONGEST_NAME,
    Key,
    NamedEntities,
    normalise,
    read_share,
)
from app.monitor.opinions import NEGATIVE, Mention, Opinion
from app.monitor.space_saving import merge
from tests.support.fakes import FakeClock

HOUR = 3600


class Bench:
    """Counted names, and a clock that moves when told to."""

    def __init__(self, counters: int = 100) -> None:
        self.clock = FakeClock()
        self.clock.now = 1000.5 * HOUR
        self.names = NamedEntities(HOUR, self.clock, counters)

    def count(self, *names: str, topic: str = "tech", group: str = "ORG") -> None:
        mentions = tuple(Mention(group, name) for name in names)
        self.names.count(Opinion(topic, NEGATIVE, mentions))

    def found(self, topic: str = ANY_TOPIC) -> dict[str, int]:
        """Return the names as they are shown, and how many texts have them."""
        share: list[Any] = json.loads(json.dumps(self.names.share(topic)))  # as processes send it
        spelled: dict[Key, str] = {}
        merged = merge([read_share(period, spelled) for period in share])
        return {spelled[key]: most for key, (most, _) in merged.items()}


def test_a_name_counts_once_a_text() -> None:
    bench = Bench()
    bench.count("IBM", "ibm", "Berlin")
    bench.count("IBM")
    assert bench.found() == {"IBM": 2, "Berlin": 1}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Angela Merkel", "ANGELA  \n merkel"),
        ("Straße", "STRASSE"),
        ("ＩＢＭ", "ibm"),  # of full width
        ("Ünal", "U\u0308nal"),
        ("北京", "北京 "),
    ],
)
def test_spelling_does_not_split_a_name_and_the_latest_is_shown(one: str, other: str) -> None:
    assert normalise(one) == normalise(other)
    bench = Bench()
    bench.count(other)
    bench.count(one)
    assert bench.found() == {one: 2}


def test_a_name_of_two_groups_is_two() -> None:
    bench = Bench()
    bench.count("Paris", group="LOC")
    bench.count("Paris", group="PER")
    bench.count("Paris", group="LOC")
    share = bench.names.share(ANY_TOPIC)[1]
    assert {row[0]: row[3] for row in share["rows"]} == {"LOC": 2, "PER": 1}


def test_names_are_told_by_topic_too() -> None:
    bench = Bench()
    bench.count("IBM", topic="tech")
    bench.count("IBM", "Berlin", topic="politics")
    bench.count("IBM", topic="")  # a text without a topic
    assert bench.found() == {"IBM": 3, "Berlin": 1}
    assert bench.found("tech") == {"IBM": 1}
    assert bench.found("politics") == {"IBM": 1, "Berlin": 1}
    assert bench.found("sports") == {}


def test_the_current_period_and_the_one_before_count_and_no_other() -> None:
    bench = Bench()
    bench.count("first")
    assert bench.names.since == 999 * HOUR
    bench.clock.now = 1001.0 * HOUR
    bench.count("second")
    assert bench.found() == {"first": 1, "second": 1}
    assert bench.names.since == 1000 * HOUR
    bench.clock.now = 1002.0 * HOUR
    assert bench.found() == {"second": 1}
    bench.clock.now = 1005.0 * HOUR
    assert bench.found() == {}


def test_a_clock_that_is_set_back_loses_nothing() -> None:
    bench = Bench()
    bench.count("IBM")
    bench.clock.now -= 5 * HOUR
    bench.count("IBM")
    assert bench.found() == {"IBM": 2}


def test_memory_is_bounded_whatever_texts_come() -> None:
    bench, rng = Bench(counters=50), random.Random(1)
    for _ in range(500):
        bench.count("often", f"{rng.random()}" * 100)
    for period in bench.names.share(ANY_TOPIC):
        assert len(period["rows"]) <= 50
        assert all(len(row[1]) <= LONGEST_NAME >= len(row[2]) for row in period["rows"])
    current = bench.names._current
    assert set(current._spelled) == {named for named, _ in current._sketch.items()}
    assert bench.found()["often"] >= 500
