"""A reload swaps one reference, and replicas of a store agree."""

import gc
import shutil
import weakref
from pathlib import Path

import pytest

from app.engine.backends.onnxruntime import OnnxRuntimeBackend
from app.engine.models.registry import LocalRegistry
from app.errors import ReloadFailed, UnknownModel
from app.store import read_desired_version
from app.telemetry.metrics import Metrics
from tests.support.registries import add_version, behind, corrupt, make_registry, reloads

pytestmark = pytest.mark.anyio


async def test_a_scan_loads_the_newest_version_of_every_model(
    tiny_store: Path, store: Path
) -> None:
    add_version(tiny_store, store)
    registry, _ = make_registry(store)
    await registry.scan()
    assert [(s.name, s.version) for s in registry.serving] == [("mood", 2), ("names", 1)]


async def test_a_new_version_is_swapped_in_and_the_old_one_freed_with_its_last_holder(
    tiny_store: Path, store: Path
) -> None:
    registry, metrics = make_registry(store)
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


async def test_a_reload_to_a_version_pins_the_model_to_it(tiny_store: Path, store: Path) -> None:
    add_version(tiny_store, store)
    registry, _ = make_registry(store)
    await registry.scan()
    assert (await registry.reload("mood", 1)).version == 1
    assert read_desired_version(store, "mood") == 1
    await registry.scan()
    assert registry.resolve("mood", "sequence-classification").version == 1
    replica, _ = make_registry(store)
    await replica.scan()
    assert replica.resolve("mood", "sequence-classification").version == 1, "replicas converge"


async def test_a_reload_without_a_version_unpins_and_takes_the_newest(
    tiny_store: Path, store: Path
) -> None:
    add_version(tiny_store, store)
    registry, _ = make_registry(store)
    await registry.reload("mood", 1)
    assert (await registry.reload("mood", None)).version == 2
    assert read_desired_version(store, "mood") is None


async def test_a_failed_reload_says_why_and_keeps_pin_and_version(
    tiny_store: Path, store: Path
) -> None:
    registry, _ = make_registry(store)
    await registry.scan()
    corrupt(add_version(tiny_store, store))
    with pytest.raises(ReloadFailed, match=r"sha256.*Version 1 still serves"):
        await registry.reload("mood", 2)
    assert registry.resolve("mood", "sequence-classification").version == 1
    assert read_desired_version(store, "mood") is None


async def test_a_reload_of_what_does_not_exist_lists_what_does(store: Path) -> None:
    registry, _ = make_registry(store)
    await registry.scan()
    with pytest.raises(UnknownModel, match="the store has: mood, names"):
        await registry.reload("nothing", None)
    with pytest.raises(UnknownModel, match="no version 5; the store has: 1"):
        await registry.reload("mood", 5)


async def test_a_new_version_of_the_same_kind_takes_over_the_measured_cost(
    tiny_store: Path, store: Path
) -> None:
    registry, _ = make_registry(store)
    await registry.scan()
    measured = registry.resolve("mood", "sequence-classification").cost
    add_version(tiny_store, store)
    await registry.scan()
    assert registry.resolve("mood", "sequence-classification").cost is measured


async def test_taking_back_the_newest_version_rolls_back_to_the_one_before(
    tiny_store: Path, store: Path
) -> None:
    newest = add_version(tiny_store, store)
    registry, metrics = make_registry(store)
    await registry.scan()
    assert registry.resolve("mood", "sequence-classification").version == 2
    shutil.rmtree(newest)
    await registry.scan()
    assert registry.resolve("mood", "sequence-classification").version == 1
    assert behind(metrics, "mood") == 0


async def test_a_channels_pin_counts_before_that_for_all(tiny_store: Path, store: Path) -> None:
    add_version(tiny_store, store)
    canary = LocalRegistry(store, OnnxRuntimeBackend(), None, Metrics(), channel="canary")
    registry, _ = make_registry(store)
    (store / "mood/desired-version").write_text("1")
    (store / "mood/desired-version.canary").write_text("2")
    for one, version in ((canary, 2), (registry, 1)):
        await one.scan()
        assert one.resolve("mood").version == version


async def test_a_reload_pins_the_registrys_own_channel_and_unpins_to_what_is_for_all(
    tiny_store: Path, store: Path
) -> None:
    add_version(tiny_store, store)
    canary = LocalRegistry(store, OnnxRuntimeBackend(), None, Metrics(), channel="canary")
    (store / "mood/desired-version").write_text("1")
    assert (await canary.reload("mood", 2)).version == 2
    assert read_desired_version(store, "mood") == 1
    assert (await canary.reload("mood", None)).version == 1
    assert not (store / "mood/desired-version.canary").exists()
    assert read_desired_version(store, "mood") == 1
