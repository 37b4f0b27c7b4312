"""What is wrong with a model is a gauge that lasts exactly as long as it is wrong."""

import shutil
from pathlib import Path

import pytest

from app.engine.models.model import Model
from app.errors import ReloadFailed
from app.telemetry.metrics import Metrics
from tests.support.registries import add_version, behind, corrupt, make_registry

pytestmark = pytest.mark.anyio


def gauge(metrics: Metrics, name: str, model: str = "mood") -> float | None:
    return metrics.registry.get_sample_value(f"classmark_model_{name}", {"model": model})


async def test_a_refused_version_is_shown_until_it_goes_or_is_wanted_no_more(
    tiny_store: Path, store: Path
) -> None:
    registry, metrics = make_registry(store)
    corrupt(add_version(tiny_store, store))
    for _ in range(3):
        await registry.scan()
        assert (gauge(metrics, "refused"), behind(metrics, "mood")) == (1, 1)
    assert registry.model("mood").wanted == 2
    pin = store / "mood" / "desired-version"
    pin.write_text("1\n")
    await registry.scan()
    assert (gauge(metrics, "refused"), behind(metrics, "mood")) == (0, 0)
    pin.unlink()
    await registry.scan()
    assert gauge(metrics, "refused") == 1
    shutil.rmtree(store / "mood" / "2")
    await registry.scan()
    assert (gauge(metrics, "refused"), behind(metrics, "mood")) == (0, 0)


async def test_a_reload_that_fails_is_shown_at_once(tiny_store: Path, store: Path) -> None:
    registry, metrics = make_registry(store)
    await registry.scan()
    assert gauge(metrics, "refused") == 0
    corrupt(store / "mood" / "1")
    with pytest.raises(ReloadFailed):
        await registry.reload("mood", None)
    assert gauge(metrics, "refused") == 1


async def test_an_incomplete_copy_is_behind_and_not_refused(tiny_store: Path, store: Path) -> None:
    (add_version(tiny_store, store) / "model.fp32.onnx").unlink()
    registry, metrics = make_registry(store)
    await registry.scan()
    assert (gauge(metrics, "refused"), behind(metrics, "mood")) == (0, 1)


async def test_a_pin_that_cannot_be_read_is_refused(store: Path) -> None:
    (store / "mood" / "desired-version").write_text("newest please")
    registry, metrics = make_registry(store)
    await registry.scan()
    assert (gauge(metrics, "refused"), behind(metrics, "mood")) == (1, 1)
    assert gauge(metrics, "refused", "names") == 0


async def test_a_model_that_went_from_the_store_is_no_trouble_any_more(store: Path) -> None:
    corrupt(store / "mood" / "1")
    registry, metrics = make_registry(store)
    await registry.scan()
    assert behind(metrics, "mood") == 1
    (store / "names" / "desired-version").write_text("7\n")
    await registry.scan()
    assert behind(metrics, "names") == 1
    for name in ("mood", "names"):
        shutil.rmtree(store / name)
    await registry.scan()
    assert behind(metrics, "mood") is None
    assert behind(metrics, "names") == 0, "it serves on, and the store wants nothing else"


def test_a_model_without_versions_is_not_wanted() -> None:
    model = Model("mood")
    assert [model.is_down, model.is_behind, model.is_refused] == [False, False, False]
