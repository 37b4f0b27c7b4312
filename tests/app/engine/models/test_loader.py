"""A bundle serves by the first of its graphs that answers rightly here, or is refused with why."""

import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from app.engine.models import loader, warm_up
from app.engine.models.loader import load_servable
from app.engine.models.warm_up import reserve_memory
from app.engine.text.encoding import Encoding, Logits
from app.errors import BundleError, IncompleteBundle
from tests.support.backends import FakeBackend


@pytest.fixture
def mood(tiny_store: Path) -> Path:
    return tiny_store / "mood" / "1"


def test_the_first_precision_that_the_bundle_has_and_that_answers_rightly_serves(
    mood: Path,
) -> None:
    backend = FakeBackend("int8", "fp32", "fp16")
    servable = load_servable(mood, backend, None)
    assert (servable.runtime.precision, servable.graph.file) == ("fp32", "model.fp32.onnx")
    assert backend.loaded == ["fp32"], "the bundle has no int8 graph"
    assert servable.batch_invariant


def test_if_none_answers_rightly_the_bundle_is_refused(mood: Path) -> None:
    with pytest.raises(BundleError, match="golden case"):
        load_servable(mood, FakeBackend(wrong=["fp32"]), None)


def test_a_wanted_precision_is_the_only_one_that_may_serve(mood: Path) -> None:
    with pytest.raises(BundleError, match="no int8 graph, only fp32"):
        load_servable(mood, FakeBackend("fp32", "int8"), "int8")


def test_files_that_are_still_being_copied_refuse_the_bundle_for_now(store: Path) -> None:
    (store / "mood" / "1" / "model.fp32.onnx").unlink()
    with pytest.raises(IncompleteBundle):
        load_servable(store / "mood" / "1", FakeBackend(), None)


def test_a_reload_of_the_same_network_takes_its_cost_over(tiny_store: Path) -> None:
    first = load_servable(tiny_store / "mood" / "1", FakeBackend(), None)
    second = load_servable(tiny_store / "mood" / "2", FakeBackend(), None, first)
    other = load_servable(tiny_store / "names" / "1", FakeBackend(), None, first)
    assert second.cost is first.cost
    assert other.cost is not first.cost


class Waiting:
    """A session that answers only when so many callers have come."""

    def __init__(self, callers: int) -> None:
        self._together = threading.Barrier(callers)
        self.ran: list[list[int]] = []

    def run(self, encodings: Sequence[Encoding]) -> list[Logits]:
        self._together.wait(10)
        self.ran.append([one.tokens for one in encodings])
        return []


def test_memory_for_the_longest_texts_is_reserved_by_all_callers_at_once(mood: Path) -> None:
    servable = load_servable(mood, FakeBackend(), None)
    servable._session = session = Waiting(3)  # type: ignore[assignment]
    reserve_memory(servable, 3)
    assert session.ran == [[servable.manifest.max_length]] * 3


def test_a_warm_up_thread_that_never_comes_holds_nobody_up(
    mood: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warm_up, "TOGETHER_WITHIN_SECONDS", 0.05)
    servable = load_servable(mood, FakeBackend(), None)
    servable._session = session = Waiting(1)  # type: ignore[assignment]
    real = threading.Barrier
    monkeypatch.setattr(warm_up.threading, "Barrier", lambda callers: real(callers + 1))
    reserve_memory(servable, 2)
    assert len(session.ran) == 2


def test_where_no_thread_can_start_warm_up_ends_with_the_reason(
    mood: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    servable = load_servable(mood, FakeBackend(), None)
    started: list[threading.Thread] = []
    start = threading.Thread.start

    def start_one(thread: threading.Thread) -> None:
        if started:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_one)
    with pytest.raises(RuntimeError, match="can't start"):
        reserve_memory(servable, 2)


def test_where_memory_is_short_the_shorter_limit_is_named(
    mood: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("bfc_arena.cc: Failed to allocate memory for requested buffer")

    monkeypatch.setattr(loader, "reserve_memory", fail)
    with pytest.raises(BundleError, match="memory is short .* 64 tokens; .*smaller --max-length"):
        load_servable(mood, FakeBackend(), None)


def test_not_every_caller_reserves_memory_for_texts_that_take_very_much(
    mood: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warm_up, "RESERVED_TOKENS", 150)
    servable = load_servable(mood, FakeBackend(), None)
    servable._session = session = Waiting(2)  # type: ignore[assignment]
    reserve_memory(servable, 8)
    assert session.ran == [[64], [64]]
