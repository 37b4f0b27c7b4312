"""The answer cache: bounded, exact, and gone with the version it was answered by."""

import gc
import queue
import threading

import pytest

from app.engine.answer_cache import AnswerCache, AnswerKey, InputAnswer
from app.engine.models.servable import Servable
from app.engine.text.encoding import TextInput
from app.telemetry.metrics import Metrics


class Version(Servable):
    """A servable without bundle or session: the cache asks for its name alone."""

    def __init__(self) -> None:
        pass

    @property
    def name(self) -> str:
        return "mood"


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


def make(metrics: Metrics, max_bytes: int = 100_000) -> AnswerCache:
    return AnswerCache(max_bytes, metrics.cache_lookups)


def answer(content: str) -> InputAnswer:
    return InputAnswer((content,), ())


def ask(text: str, *options: object) -> AnswerKey:
    return AnswerKey(TextInput(text), options)


def test_only_the_same_text_with_the_same_options_by_the_same_version_is_found(
    metrics: Metrics,
) -> None:
    cache, version = make(metrics), Version()
    cache.put(version, ask("fun", 1), answer("{}"))
    assert cache.get(version, ask("fun", 1)) == answer("{}")
    assert cache.get(version, ask("fun", 2)) is None
    assert cache.get(version, ask("Fun", 1)) is None
    assert cache.get(version, AnswerKey(TextInput("fun", "pair"), (1,))) is None
    assert cache.get(Version(), ask("fun", 1)) is None


def test_its_memory_is_bounded_and_the_longest_unused_answers_go(metrics: Metrics) -> None:
    cache, version = make(metrics, max_bytes=10_000), Version()
    for number in range(100):
        cache.put(version, ask(f"text {number}"), answer("{}" * 50))
        cache.get(version, ask("text 0"))
        assert cache.bytes <= 10_000
    assert cache.get(version, ask("text 0")) is not None
    assert cache.get(version, ask("text 1")) is None
    assert cache.get(version, ask("text 99")) is not None


def test_an_answer_over_the_limit_is_not_kept_and_drives_nothing_out(metrics: Metrics) -> None:
    cache, version = make(metrics, max_bytes=5_000), Version()
    cache.put(version, ask("a"), answer("{}"))
    cache.put(version, ask("b"), answer("x" * 5_000))
    assert cache.get(version, ask("b")) is None
    assert cache.get(version, ask("a")) == answer("{}")


def test_the_answers_of_a_version_go_when_it_does(metrics: Metrics) -> None:
    cache, old, new = make(metrics), Version(), Version()
    cache.put(old, ask("a"), answer("old"))
    cache.put(new, ask("a"), answer("new"))
    del old
    gc.collect()
    assert cache.get(new, ask("a")) == answer("new")
    assert cache.bytes < 2 * 700


def test_a_version_that_dies_on_another_thread_never_meets_the_cache_at_work(
    metrics: Metrics,
) -> None:
    cache, serving = make(metrics, max_bytes=10_000_000), Version()
    versions: queue.SimpleQueue[Version | None] = queue.SimpleQueue()

    def drop() -> None:
        while versions.get() is not None:
            pass  # that was the last reference: the version dies here

    dropping = threading.Thread(target=drop)
    dropping.start()
    for number in range(300):
        old = Version()
        for text in range(20):
            cache.put(old, ask(f"{text}"), answer("old"))
            cache.put(serving, ask(f"{number} {text}"), answer("new"))
        versions.put(old)
        del old
    versions.put(None)
    dropping.join()
    assert cache.get(serving, ask("299 19")) == answer("new")
    assert {key[0]() for key in cache._answers} == {serving}


def test_a_new_version_at_an_old_ones_address_is_never_answered_from_it(metrics: Metrics) -> None:
    cache = make(metrics)
    addresses: set[int] = set()
    for _ in range(1000):
        version = Version()
        assert cache.get(version, ask("a")) is None
        cache.put(version, ask("a"), answer("old"))
        if id(version) in addresses:
            break
        addresses.add(id(version))
        del version
    else:
        raise AssertionError("no address came again, so nothing was shown")


def test_lookups_are_counted(metrics: Metrics) -> None:
    cache, version = make(metrics), Version()
    cache.put(version, ask("a"), answer("{}"))
    for text in ("a", "a", "b"):
        cache.get(version, ask(text))
    counted = {
        outcome: metrics.registry.get_sample_value(
            "classmark_cache_lookups_total", {"model": "mood", "outcome": outcome}
        )
        for outcome in ("hit", "miss")
    }
    assert counted == {"hit": 2, "miss": 1}
