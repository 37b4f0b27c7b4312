"""What a version takes is known before it is loaded, and said if memory is short."""

import asyncio
import gc
import json
import logging
from pathlib import Path

import pytest

from app.bundle.bundle import open_bundle
from app.engine.backends.base import Mode
from app.engine.models import footprint
from app.engine.models.footprint import (
    Footprint,
    predict_footprint,
    predict_process,
    predict_version,
)
from app.memory import SystemMemory
from tests.support.backends import FakeBackend
from tests.support.registries import add_version, corrupt, make_registry

pytestmark = pytest.mark.anyio


def test_a_versions_own_share_is_its_weights_and_its_tokenizer(tiny_store: Path) -> None:
    manifest = open_bundle(tiny_store / "mood" / "1").manifest
    one, two = (predict_footprint(manifest, Mode("fp32"), callers) for callers in (1, 64))
    own = manifest.graphs["fp32"].total_bytes + manifest.tokenizer.bytes
    assert one.own == two.own > own


def test_batches_share_what_the_longest_texts_of_all_executors_take(tiny_store: Path) -> None:
    manifest = open_bundle(tiny_store / "mood" / "1").manifest
    long = manifest.model_copy(update={"max_length": 8192})
    few, more, many = (predict_footprint(long, Mode("fp32"), n).shared for n in (1, 2, 64))
    assert more == 2 * few
    assert many == more, "it is rare that all run such a text at once"
    assert few > 100 * predict_footprint(manifest, Mode("fp32"), 1).shared


def test_models_take_their_own_shares_and_the_largest_common_one() -> None:
    models = [Footprint(10, 5, 20), Footprint(30, 7, 60)]
    size = predict_process(100, models)
    assert size == 100 + footprint.RUNTIME_BYTES + 7 + 40
    assert predict_process(None, models) is None
    assert predict_process(100, []) is None


def test_nothing_is_predicted_of_a_gpu(tiny_store: Path) -> None:
    backend = FakeBackend()
    assert predict_version(tiny_store, "mood", 1, backend, None, 1) is not None
    backend.provider = "CUDAExecutionProvider"
    assert predict_version(tiny_store, "mood", 1, backend, None, 1) is None


def test_nothing_is_predicted_of_a_graph_that_a_bundle_lacks(tiny_store: Path) -> None:
    assert predict_version(tiny_store, "mood", 1, FakeBackend("fp32", "int8"), "int8", 1) is None


async def test_the_size_of_a_version_is_known_though_it_does_not_load(
    tiny_store: Path, store: Path
) -> None:
    registry, _ = make_registry(store)
    await registry.scan()
    mood, before = registry.model("mood"), registry.predicted_bytes
    assert list(mood.footprints) == [1]
    assert before is not None
    assert before > (registry.base_bytes or 0)
    folder = add_version(tiny_store, store)
    corrupt(folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["graphs"]["fp32"]["bytes"] += 1_000_000
    (folder / "manifest.json").write_text(json.dumps(manifest))
    await registry.scan()
    assert (mood.version, list(mood.footprints)) == (1, [1, 2])
    assert mood.footprints[2].own - mood.footprints[1].own >= 1_000_000
    assert registry.predicted_bytes == before + mood.footprints[2].own - mood.footprints[1].own


async def test_short_memory_is_said_before_the_load_is_tried(
    store: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(footprint, "read_memory", lambda: SystemMemory(9_000, 1_000, 2_000))
    registry, _ = make_registry(store)
    gc.collect()  # or models of other tests say here that they were closed
    with caplog.at_level(logging.INFO):
        await asyncio.wait_for(registry.scan(), 60)
    # Servables of other tests may tell of their end meanwhile.
    told = [one for one in caplog.records if one.message != "model closed"]
    warning = vars(next(one for one in told if getattr(one, "model", None) == "mood"))
    assert warning["levelno"] == logging.WARNING
    assert (warning["available_bytes"], warning["limit_bytes"]) == (1_000, 2_000)
    assert warning["needed_bytes"] == sum(registry.model("mood").footprints[1])
    assert "more memory" in warning["remedy"]
    assert registry.model("mood").version == 1, "it is a warning: what was predicted may be wrong"


async def test_enough_memory_is_no_matter_for_the_log(
    store: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(footprint, "read_memory", lambda: SystemMemory(1 << 40, 1 << 39, None))
    registry, _ = make_registry(store)
    with caplog.at_level(logging.WARNING):
        await registry.scan()
    assert not caplog.records
