"""A request finds the model that it means, or is told why there is none."""

import json
import shutil
from pathlib import Path

import pytest

from app.errors import AmbiguousModel, InvalidRequest, ModelUnavailable, UnknownModel
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
