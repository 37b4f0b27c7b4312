"""A request finds the model that it means, or is told why there is none."""

import asyncio
import json
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest

from app.engine.models import version_loader
from app.engine.models.servable import Servable
from app.errors import AmbiguousModel, InvalidRequest, ModelUnavailable, NotReady, UnknownModel
from tests.support.connection import until
from tests.support.registries import corrupt, make_registry

pytestmark = pytest.mark.anyio


async def test_a_model_is_found_by_name_or_by_task_alone(store: Path, tiny_store: Path) -> None:
    registry, _ = make_registry(store)
    await registry.scan()
    assert registry.resolve(None, "token-classification").name == "names"
    with pytest.raises(UnknownModel, match="no model 'topic' serves; these do: mood, names"):
        registry.resolve("topic", "sequence-classification")
    with pytest.raises(InvalidRequest, match="'names' does token-classification.*/v1/ner"):
        registry.resolve("names", "sequence-classification")
    shutil.rmtree(store / "names")
    alone, _ = make_registry(store)
    await alone.scan()
    with pytest.raises(AmbiguousModel, match="here do: none"):
        alone.resolve(None, "token-classification")


async def test_a_model_of_which_nothing_serves_is_unavailable_and_not_unknown(store: Path) -> None:
    corrupt(store / "mood" / "1")
    registry, _ = make_registry(store)
    await registry.scan()
    with pytest.raises(ModelUnavailable, match="no version of mood serves") as refused:
        registry.resolve("mood", "sequence-classification")
    assert refused.value.retry_after_seconds
    with pytest.raises(ModelUnavailable, match="mood"):
        registry.resolve(None, "sequence-classification")
    with pytest.raises(UnknownModel):
        registry.resolve("nothing", "sequence-classification")
    assert registry.resolve(None, "token-classification").name == "names"


async def test_a_request_is_labelled_with_a_model_only_where_that_is_certain(store: Path) -> None:
    registry, _ = make_registry(store)
    await registry.scan()
    assert registry.label("mood", "token-classification") == "mood"
    assert registry.label("nothing", "token-classification") == ""
    assert registry.label(None, "token-classification") == "names"
    shutil.copytree(store / "mood", store / "other")
    manifest = store / "other" / "1" / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"name": "other"}))
    await registry.scan()
    assert registry.model("other").servable is not None
    assert registry.label(None, "sequence-classification") == ""


async def test_a_store_that_was_not_listed_lacks_no_model(store: Path) -> None:
    registry, _ = make_registry(store)
    for name in ("mood", "nothing", None):
        with pytest.raises(NotReady, match="the model store has not been read yet"):
            registry.resolve(name, "sequence-classification")
    with pytest.raises(NotReady, match="has not been read"):
        registry.model("mood")
    await registry.scan()
    assert registry.resolve("mood").name == "mood"
    with pytest.raises(UnknownModel, match="the store has: mood, names"):
        registry.model("nothing")


async def test_a_model_is_loading_until_it_serves_or_is_refused(
    store: Path, tiny_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, real = threading.Event(), version_loader.load_servable

    def gated(folder: Path, *arguments: Any) -> Servable:
        assert gate.wait(30)
        return real(folder, *arguments)

    shutil.rmtree(store / "names")
    registry, _ = make_registry(store)
    await registry.scan()
    monkeypatch.setattr(version_loader, "load_servable", gated)
    shutil.copytree(tiny_store / "names", store / "names")
    (store / "empty").mkdir()
    scanning = asyncio.ensure_future(registry.scan())
    await until(lambda: "names" in registry._models and registry.model("names").is_loading)
    for name in ("names", None):
        with pytest.raises(ModelUnavailable, match="names.*being loaded; try again"):
            registry.resolve(name, "token-classification")
    assert registry.resolve(None, "sequence-classification").name == "mood"
    gate.set()
    await scanning
    assert registry.resolve("names").name == "names"
    with pytest.raises(UnknownModel):
        registry.resolve("empty")
    assert not registry.model("empty").is_loading
