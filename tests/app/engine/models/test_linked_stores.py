"""Stores on volumes made of links serve, and follow what the volume's maker swaps."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.engine.models.servable import Servable
from app.engine.models.watcher import watch
from tests.support.connection import until
from tests.support.registries import make_registry, reloads
from tests.support.volumes import mount_config_map, sync_git

pytestmark = pytest.mark.anyio


async def test_a_repository_that_git_sync_swaps_is_followed(
    tiny_store: Path, store: Path, tmp_path: Path
) -> None:
    link = tmp_path / "synced" / "store"
    sync_git(link, "one", [store / "mood", store / "names"])
    registry, metrics = make_registry(link)
    await registry.scan()
    assert [(one.name, one.version) for one in registry.serving] == [("mood", 1), ("names", 1)]
    sync_git(link, "two", [tiny_store / "mood", tiny_store / "names"])
    await registry.scan()
    assert [(one.name, one.version) for one in registry.serving] == [("mood", 2), ("names", 1)]
    sync_git(link, "three", [store / "mood"])
    await registry.scan()
    assert registry.resolve("mood").version == 1, "the commit rolled it back"
    assert registry.resolve("names").version == 1, "it serves on without its folder"
    assert (reloads(metrics, "failed"), reloads(metrics, "incomplete")) == (0, 0)


async def test_a_config_map_that_is_changed_is_followed(
    tiny_store: Path, store: Path, tmp_path: Path
) -> None:
    volume = tmp_path / "volume"
    mount_config_map(volume / "mood" / "1", "one", store / "mood" / "1")
    registry, metrics = make_registry(volume)
    await registry.scan()
    first = registry.resolve("mood")
    mount_config_map(volume / "mood" / "1", "two", store / "mood" / "1")
    await registry.scan()
    assert registry.resolve("mood") is not first
    assert reloads(metrics, "loaded") == 2
    await registry.scan()
    assert reloads(metrics, "loaded") == 2


def git(link: Path, commit: str, model: Path) -> None:
    sync_git(link, commit, [model])


def config_map(volume: Path, stamp: str, model: Path) -> None:
    mount_config_map(volume / "mood" / "1", stamp, model / "1")


@pytest.mark.parametrize("swap", [git, config_map])
async def test_a_swap_during_a_load_is_a_copy_in_progress_and_loaded_next(
    swap: Callable[[Path, str, Path], None],
    store: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real, volume = Servable.load, tmp_path / "volume" / "store"
    swap(volume, "one", store / "mood")
    swaps = iter(["two"])

    def swapped_meanwhile(*arguments: Any) -> Servable:
        for stamp in swaps:
            swap(volume, stamp, store / "mood")
        return real(*arguments)

    monkeypatch.setattr(Servable, "load", swapped_meanwhile)
    registry, metrics = make_registry(volume)
    await registry.scan()
    assert registry.model("mood").is_down
    assert (reloads(metrics, "failed"), reloads(metrics, "incomplete")) == (0, 1)
    await registry.scan()
    assert registry.resolve("mood").version == 1


async def test_links_out_of_the_store_are_the_trouble_of_one_model(store: Path) -> None:
    outside = (store / "mood").rename(store.parent / "outside")
    (store / "mood").symlink_to(outside)
    registry, metrics = make_registry(store)
    await registry.scan()
    assert [one.name for one in registry.serving] == ["names"]
    failure = registry.model("mood").last_failure
    assert failure is not None
    assert f"{store / 'mood'} is a link to {outside}, outside" in failure.reason
    (store / "mood").unlink()
    outside.rename(store / "mood")
    await registry.scan()
    assert registry.resolve("mood").version == 1


async def test_a_swapped_store_is_noticed_though_its_watch_is_on_the_folder_before(
    tiny_store: Path, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import asyncio

    from app.engine.models import watcher

    monkeypatch.setattr(watcher, "RESCAN_SECONDS", 0.2)
    link = tmp_path / "synced" / "store"
    sync_git(link, "one", [store / "mood"])
    registry, _ = make_registry(link)
    await registry.scan()
    watching = asyncio.ensure_future(watch(registry, link))
    try:
        for commit, version in (("two", 2), ("three", 1)):
            source = tiny_store if version == 2 else store
            sync_git(link, commit, [source / "mood"])
            await until(lambda version=version: registry.resolve("mood").version == version)  # type: ignore[misc]
        assert not watching.done()
    finally:
        watching.cancel()
