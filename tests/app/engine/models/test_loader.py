"""A bundle serves by the first of its graphs that answers rightly here, or is refused with why."""

import json
import shutil
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from app.engine.models import loader, warm_up
from app.engine.models.loader import load_servable
from app.engine.models.warm_up import reserve_memory
from app.engine.text.encoding import Encoding, Logits
from app.errors import BundleError, DamagedBundle, IncompleteBundle
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


def with_int8(store: Path) -> Path:
    """Give the bundle an int8 graph: the fp32 one under another name."""
    folder = store / "mood" / "1"
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["graphs"]["int8"] = manifest["graphs"]["fp32"] | {"file": "model.int8.onnx"}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    shutil.copy(folder / "model.fp32.onnx", folder / "model.int8.onnx")
    return folder


def link_target(store: Path, data: bytes) -> Path:
    outside = store.parent / "outside.onnx"
    outside.write_bytes(data)
    return outside


@pytest.mark.parametrize("damage", ["one byte", "longer", "unreadable", "link"])
def test_a_damaged_graph_refuses_the_version_and_no_slower_one_stands_in(
    store: Path, damage: str
) -> None:
    folder = with_int8(store)
    graph = folder / "model.int8.onnx"
    data = bytearray(graph.read_bytes())
    if damage == "one byte":
        data[len(data) // 2] ^= 1
        graph.write_bytes(data)
    elif damage == "longer":
        graph.write_bytes(data + b"\0")
    else:
        graph.unlink()
        graph.mkdir() if damage == "unreadable" else graph.symlink_to(link_target(store, data))
    backend = FakeBackend("int8", "fp32")
    with pytest.raises(DamagedBundle):
        load_servable(folder, backend, None)
    assert backend.loaded == []


def test_a_graph_that_answers_wrongly_here_lets_a_slower_one_serve_and_that_is_said(
    store: Path,
) -> None:
    backend = FakeBackend("int8", "fp32", wrong=["int8"])
    servable = load_servable(with_int8(store), backend, None)
    assert servable.runtime.precision == "fp32"
    assert "the int8 graph was refused: golden case" in (servable.runtime.degraded or "")


def test_what_the_bundle_never_had_is_no_degradation(mood: Path) -> None:
    assert load_servable(mood, FakeBackend("int8", "fp32"), None).runtime.degraded is None


def test_a_device_that_is_missing_is_a_degradation(mood: Path) -> None:
    backend = FakeBackend()
    backend.degraded = "there is no GPU"
    assert load_servable(mood, backend, None).runtime.degraded == "there is no GPU"
