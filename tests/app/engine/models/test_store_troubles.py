"""What is wrong with one model of the store touches no other."""

import asyncio
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.engine.models import registry as registry_module
from app.engine.models import store_reader, version_loader
from tests.support.connection import until
from tests.support.registries import behind, make_registry

pytestmark = pytest.mark.anyio


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
    registry, metrics = make_registry(store)
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


async def test_a_pin_that_is_no_number_changes_nothing_and_is_reported(store: Path) -> None:
    registry, _ = make_registry(store)
    await registry.scan()
    (store / "mood" / "desired-version").write_text("newest please")
    await registry.scan()
    assert registry.resolve("mood", "sequence-classification").version == 1
    failure = registry.model("mood").last_failure
    assert failure is not None
    assert failure.version is None


async def test_a_store_that_goes_away_leaves_what_serves(store: Path) -> None:
    registry, _ = make_registry(store)
    await registry.scan()
    shutil.rmtree(store)
    await registry.scan()
    assert [s.name for s in registry.serving] == ["mood", "names"]


async def test_whatever_a_look_raises_touches_one_model_and_is_said(
    tiny_store: Path, store: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real = registry_module.read_desired_version

    def broken(folder: Path, name: str, channel: None) -> int | None:
        if name == "mood":
            raise ZeroDivisionError("nobody foresaw this")
        return real(folder, name, channel)

    monkeypatch.setattr(registry_module, "read_desired_version", broken)
    registry, _ = make_registry(store)
    await registry.scan()
    assert [one.name for one in registry.serving] == ["names"]
    assert "nobody foresaw this" in caplog.text


async def test_a_read_that_hangs_holds_up_no_other_model_and_is_said(
    tiny_store: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, real = threading.Event(), registry_module.read_desired_version

    def hanging(folder: Path, name: str, channel: None) -> int | None:
        if name == "mood":
            gate.wait(30)
        return real(folder, name, channel)

    monkeypatch.setattr(registry_module, "read_desired_version", hanging)
    monkeypatch.setattr(store_reader, "LOOK_SECONDS", 0.2)
    registry, metrics = make_registry(store)
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
    gate, real = threading.Event(), version_loader.load_servable

    def hanging(folder: Path, *arguments: Any) -> Any:
        if "mood" in str(folder):
            gate.wait(30)
        return real(folder, *arguments)

    monkeypatch.setattr(version_loader, "load_servable", hanging)
    monkeypatch.setattr(version_loader, "TURN_SECONDS", 0.2)
    registry, _ = make_registry(store)
    scanning = asyncio.ensure_future(registry.scan())
    await until(lambda: bool(registry.serving))
    assert [one.name for one in registry.serving] == ["names"]
    gate.set()
    await scanning
    assert [one.name for one in registry.serving] == ["mood", "names"]
