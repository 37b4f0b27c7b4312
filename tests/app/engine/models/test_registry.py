"""Reload: whatever fails before the swap leaves what serves untouched."""

import asyncio
import gc
import json
import os
import shutil
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.bundle import Precision
from app.engine.backends.onnxruntime import OnnxRuntimeBackend
from app.engine.models import registry as registry_module
from app.engine.models.registry import LocalRegistry
from app.errors import AmbiguousModel, InvalidRequest, ReloadFailed, UnknownModel
from app.store import read_desired_version
from app.telemetry.metrics import Metrics
from tests.support.connection import until

pytestmark = pytest.mark.anyio


def make(store: Path, precision: Precision | None = None) -> tuple[LocalRegistry, Metrics]:
    metrics = Metrics()
    backend = OnnxRuntimeBackend()
    return LocalRegistry(store, backend, precision, metrics), metrics


def reloads(metrics: Metrics, outcome: str) -> float:
    labels = {"model": "mood", "outcome": outcome}
    return metrics.registry.get_sample_value("classmark_reloads_total", labels) or 0.0


def add_version(tiny_store: Path, store: Path, version: int = 2) -> Path:
    return Path(shutil.copytree(tiny_store / "mood" / str(version), store / "mood" / str(version)))


def corrupt(folder: Path) -> None:
    graph = folder / "model.fp32.onnx"
    graph.write_bytes(graph.read_bytes()[::-1])


async def test_a_scan_loads_the_newest_version_of_every_model(
    tiny_store: Path, store: Path
) -> None:
    add_version(tiny_store, store)
    registry, _ = make(store)
    await registry.scan()
    assert [(s.name, s.version) for s in registry.serving] == [("mood", 2), ("names", 1)]


async def test_a_new_version_is_swapped_in_and_the_old_one_freed_with_its_last_holder(
    tiny_store: Path, store: Path
) -> None:
    registry, metrics = make(store)
    await registry.scan()
    held = registry.resolve("mood", "sequence-classification")
    freed = weakref.ref(held)
    add_version(tiny_store, store)
    await registry.scan()
    assert registry.resolve("mood", "sequence-classification").version == 2
    assert held.version == 1
    gc.collect()
    assert freed() is held, "a request in flight keeps its version"
    del held
    gc.collect()
    assert freed() is None
    assert reloads(metrics, "loaded") == 2


async def test_a_corrupt_version_changes_nothing_and_is_reported(
    tiny_store: Path, store: Path
) -> None:
    registry, metrics = make(store)
    await registry.scan()
    before = registry.resolve("mood", "sequence-classification")
    corrupt(add_version(tiny_store, store))
    await registry.scan()
    assert registry.resolve("mood", "sequence-classification") is before
    failure = registry.model("mood").last_failure
    assert failure is not None
    assert failure.version == 2
    assert "sha256" in failure.reason
    assert reloads(metrics, "failed") == 1


async def test_a_failed_version_is_tried_again_only_once_its_files_change(
    tiny_store: Path, store: Path
) -> None:
    registry, metrics = make(store)
    folder = add_version(tiny_store, store)
    corrupt(folder)
    await registry.scan()
    await registry.scan()
    assert reloads(metrics, "failed") == 1
    assert registry.resolve("mood", "sequence-classification").version == 1
    shutil.rmtree(folder)
    add_version(tiny_store, store)
    await registry.scan()
    assert registry.resolve("mood", "sequence-classification").version == 2
    assert registry.model("mood").last_failure is None


async def test_a_copy_in_progress_is_waited_for_and_is_no_failure(
    tiny_store: Path, store: Path
) -> None:
    registry, metrics = make(store)
    await registry.scan()
    folder = store / "mood" / "2"
    folder.mkdir()
    whole = tiny_store / "mood" / "2"
    for name in ("manifest.json", "tokenizer.json"):
        shutil.copy(whole / name, folder)
    await registry.scan()
    assert (reloads(metrics, "incomplete"), reloads(metrics, "failed")) == (1, 0)
    shutil.copy(whole / "model.fp32.onnx", folder)
    await registry.scan()
    assert registry.resolve("mood", "sequence-classification").version == 2


@pytest.mark.parametrize("damage", [b"", b"not an onnx file"])
async def test_a_graph_that_does_not_load_is_refused(store: Path, damage: bytes) -> None:
    import hashlib

    folder = store / "mood" / "1"
    (folder / "model.fp32.onnx").write_bytes(damage or b"\0")
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["graphs"]["fp32"] |= {
        "bytes": len(damage or b"\0"),
        "sha256": hashlib.sha256(damage or b"\0").hexdigest(),
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    registry, _ = make(store)
    await registry.scan()
    failure = registry.model("mood").last_failure
    assert failure is not None
    assert "ONNX Runtime does not load the graph" in failure.reason
    assert [s.name for s in registry.serving] == ["names"]


async def test_a_graph_that_loads_but_fails_when_it_runs_is_refused(store: Path) -> None:
    path = store / "mood" / "1" / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"pad_token_id": 100_000}))
    registry, _ = make(store)
    await registry.scan()
    failure = registry.model("mood").last_failure
    assert failure is not None
    assert "loads but fails when it runs" in failure.reason
    assert [s.name for s in registry.serving] == ["names"]


async def test_a_store_that_goes_away_leaves_what_serves(store: Path) -> None:
    registry, _ = make(store)
    await registry.scan()
    shutil.rmtree(store)
    await registry.scan()
    assert [s.name for s in registry.serving] == ["mood", "names"]


async def test_a_graph_that_answers_the_golden_cases_otherwise_is_refused(store: Path) -> None:
    folder = store / "mood" / "1"
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["golden"][0]["logits"] = [9.0, -9.0, 0.0]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    registry, _ = make(store)
    await registry.scan()
    failure = registry.model("mood").last_failure
    assert failure is not None
    assert "golden case 0" in failure.reason


async def test_a_reload_to_a_version_pins_the_model_to_it(tiny_store: Path, store: Path) -> None:
    add_version(tiny_store, store)
    registry, _ = make(store)
    await registry.scan()
    assert (await registry.reload("mood", 1)).version == 1
    assert read_desired_version(store, "mood") == 1
    await registry.scan()
    assert registry.resolve("mood", "sequence-classification").version == 1
    replica, _ = make(store)
    await replica.scan()
    assert replica.resolve("mood", "sequence-classification").version == 1, "replicas converge"


async def test_a_reload_without_a_version_unpins_and_takes_the_newest(
    tiny_store: Path, store: Path
) -> None:
    add_version(tiny_store, store)
    registry, _ = make(store)
    await registry.reload("mood", 1)
    assert (await registry.reload("mood", None)).version == 2
    assert read_desired_version(store, "mood") is None


async def test_a_failed_reload_says_why_and_keeps_pin_and_version(
    tiny_store: Path, store: Path
) -> None:
    registry, _ = make(store)
    await registry.scan()
    corrupt(add_version(tiny_store, store))
    with pytest.raises(ReloadFailed, match=r"sha256.*Version 1 still serves"):
        await registry.reload("mood", 2)
    assert registry.resolve("mood", "sequence-classification").version == 1
    assert read_desired_version(store, "mood") is None


async def test_a_reload_of_what_does_not_exist_lists_what_does(store: Path) -> None:
    registry, _ = make(store)
    await registry.scan()
    with pytest.raises(UnknownModel, match="the store has: mood, names"):
        await registry.reload("nothing", None)
    with pytest.raises(UnknownModel, match="no version 5; the store has: 1"):
        await registry.reload("mood", 5)


async def test_a_pin_that_is_no_number_changes_nothing_and_is_reported(store: Path) -> None:
    registry, _ = make(store)
    await registry.scan()
    (store / "mood" / "desired-version").write_text("newest please")
    await registry.scan()
    assert registry.resolve("mood", "sequence-classification").version == 1
    failure = registry.model("mood").last_failure
    assert failure is not None
    assert failure.version is None


async def test_a_missing_precision_is_refused_with_what_there_is(store: Path) -> None:
    registry, _ = make(store, precision="int8")
    await registry.scan()
    failure = registry.model("mood").last_failure
    assert failure is not None
    assert "no int8 graph, only fp32" in failure.reason


async def test_a_model_is_found_by_name_or_by_task_alone(store: Path, tiny_store: Path) -> None:
    registry, _ = make(store)
    await registry.scan()
    assert registry.resolve(None, "token-classification").name == "names"
    with pytest.raises(UnknownModel, match="no model 'topic' serves; these do: mood, names"):
        registry.resolve("topic", "sequence-classification")
    with pytest.raises(InvalidRequest, match="'names' does token-classification.*/v1/ner"):
        registry.resolve("names", "sequence-classification")
    shutil.rmtree(store / "names")
    alone, _ = make(store)
    await alone.scan()
    with pytest.raises(AmbiguousModel, match="here do: none"):
        alone.resolve(None, "token-classification")


async def test_a_new_version_of_the_same_kind_takes_over_the_measured_cost(
    tiny_store: Path, store: Path
) -> None:
    registry, _ = make(store)
    await registry.scan()
    measured = registry.resolve("mood", "sequence-classification").cost
    add_version(tiny_store, store)
    await registry.scan()
    assert registry.resolve("mood", "sequence-classification").cost is measured


def utf16(pin: Path) -> None:
    pin.write_bytes("1\r\n".encode("utf-16"))


def folder(pin: Path) -> None:
    pin.mkdir()


def pipe(pin: Path) -> None:
    os.mkfifo(pin)


def dangling(pin: Path) -> None:
    pin.symlink_to(pin)


@pytest.mark.parametrize("spoil", [utf16, folder, pipe, dangling])
async def test_a_pin_that_cannot_be_read_is_that_models_trouble_alone(
    tiny_store: Path, store: Path, spoil: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    spoil(store / "mood" / "desired-version")
    registry, metrics = make(store)
    await registry.scan()
    assert [one.name for one in registry.serving] == ["names"]
    failure = registry.model("mood").last_failure
    assert failure is not None
    assert "desired-version" in failure.reason
    assert behind(metrics, "mood") == 1
    assert behind(metrics, "names") == 0
    await registry.scan()
    assert len([r for r in caplog.records if r.message == "version refused"]) == 1
    pin = store / "mood" / "desired-version"
    pin.rmdir() if pin.is_dir() and not pin.is_symlink() else pin.unlink()
    await registry.scan()
    assert registry.model("mood").last_failure is None
    assert behind(metrics, "mood") == 0


async def test_whatever_a_look_raises_touches_one_model_and_is_said(
    tiny_store: Path, store: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real = registry_module.read_desired_version

    def broken(folder: Path, name: str) -> int | None:
        if name == "mood":
            raise ZeroDivisionError("nobody foresaw this")
        return real(folder, name)

    monkeypatch.setattr(registry_module, "read_desired_version", broken)
    registry, _ = make(store)
    await registry.scan()
    assert [one.name for one in registry.serving] == ["names"]
    assert "nobody foresaw this" in caplog.text


async def test_a_read_that_hangs_holds_up_no_other_model_and_is_said(
    tiny_store: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, real = threading.Event(), registry_module.read_desired_version

    def hanging(folder: Path, name: str) -> int | None:
        if name == "mood":
            gate.wait(30)
        return real(folder, name)

    monkeypatch.setattr(registry_module, "read_desired_version", hanging)
    monkeypatch.setattr(registry_module, "LOOK_SECONDS", 0.2)
    registry, metrics = make(store)
    try:
        await registry.scan()
        assert [one.name for one in registry.serving] == ["names"]
        failure = registry.model("mood").last_failure
        assert failure is not None
        assert "has not ended after 0.2 s" in failure.reason
        assert behind(metrics, "mood") == 1
    finally:
        gate.set()


async def test_a_load_that_hangs_lets_the_next_model_load(
    tiny_store: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, real = threading.Event(), registry_module.load_servable

    def hanging(folder: Path, *arguments: Any) -> Any:
        if "mood" in str(folder):
            gate.wait(30)
        return real(folder, *arguments)

    monkeypatch.setattr(registry_module, "load_servable", hanging)
    monkeypatch.setattr(registry_module, "TURN_SECONDS", 0.2)
    registry, _ = make(store)
    scanning = asyncio.ensure_future(registry.scan())
    await until(lambda: bool(registry.serving))
    assert [one.name for one in registry.serving] == ["names"]
    gate.set()
    await scanning
    assert [one.name for one in registry.serving] == ["mood", "names"]


async def test_a_version_replaced_in_place_is_loaded_anew_or_refused_with_the_reason(
    tiny_store: Path, store: Path
) -> None:
    registry, metrics = make(store)
    await registry.scan()
    before = registry.resolve("mood", "sequence-classification")
    version = store / "mood" / "1"
    os.utime(version / "manifest.json", (1, 1))
    await registry.scan()
    again = registry.resolve("mood", "sequence-classification")
    assert again is not before
    corrupt(version)
    await registry.scan()
    assert registry.resolve("mood", "sequence-classification") is again
    failure = registry.model("mood").last_failure
    assert failure is not None
    assert "sha256" in failure.reason
    assert behind(metrics, "mood") == 1
    with pytest.raises(ReloadFailed, match="sha256"):
        await registry.reload("mood", None)


async def test_taking_back_the_newest_version_rolls_back_to_the_one_before(
    tiny_store: Path, store: Path
) -> None:
    newest = add_version(tiny_store, store)
    registry, metrics = make(store)
    await registry.scan()
    assert registry.resolve("mood", "sequence-classification").version == 2
    shutil.rmtree(newest)
    await registry.scan()
    assert registry.resolve("mood", "sequence-classification").version == 1
    assert behind(metrics, "mood") == 0


async def test_a_failure_goes_with_its_cause(tiny_store: Path, store: Path) -> None:
    corrupt(add_version(tiny_store, store))
    registry, metrics = make(store)
    await registry.scan()
    assert registry.model("mood").last_failure is not None
    assert behind(metrics, "mood") == 1
    shutil.rmtree(store / "mood" / "2")
    await registry.scan()
    assert registry.model("mood").last_failure is None
    assert behind(metrics, "mood") == 0


async def test_a_copy_that_was_cut_short_stays_visible(tiny_store: Path, store: Path) -> None:
    (add_version(tiny_store, store) / "model.fp32.onnx").unlink()
    registry, metrics = make(store)
    for _ in range(2):
        await registry.scan()
        assert behind(metrics, "mood") == 1


def behind(metrics: Metrics, model: str) -> float | None:
    return metrics.registry.get_sample_value("classmark_model_behind", {"model": model})
