"""Whatever fails before the swap leaves what serves untouched, and is said."""

import hashlib
import json
import os
import shutil
from pathlib import Path

import pytest

from app.errors import ReloadFailed
from tests.support.registries import add_version, behind, corrupt, make_registry, reloads
from tests.support.tiny import make_checkpoint

pytestmark = pytest.mark.anyio


async def test_a_corrupt_version_changes_nothing_and_is_reported(
    tiny_store: Path, store: Path
) -> None:
    registry, metrics = make_registry(store)
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
    registry, metrics = make_registry(store)
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
    registry, metrics = make_registry(store)
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
    folder = store / "mood" / "1"
    (folder / "model.fp32.onnx").write_bytes(damage or b"\0")
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["graphs"]["fp32"] |= {
        "bytes": len(damage or b"\0"),
        "sha256": hashlib.sha256(damage or b"\0").hexdigest(),
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    registry, _ = make_registry(store)
    await registry.scan()
    failure = registry.model("mood").last_failure
    assert failure is not None
    assert "ONNX Runtime does not load the graph" in failure.reason
    assert [s.name for s in registry.serving] == ["names"]


async def test_a_graph_that_loads_but_fails_when_it_runs_is_refused(store: Path) -> None:
    path = store / "mood" / "1" / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"pad_token_id": 100_000}))
    registry, _ = make_registry(store)
    await registry.scan()
    failure = registry.model("mood").last_failure
    assert failure is not None
    assert "loads but fails when it runs" in failure.reason
    assert [s.name for s in registry.serving] == ["names"]


async def test_a_graph_that_answers_the_golden_cases_otherwise_is_refused(store: Path) -> None:
    folder = store / "mood" / "1"
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["golden"][0]["logits"] = [9.0, -9.0, 0.0]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    registry, _ = make_registry(store)
    await registry.scan()
    failure = registry.model("mood").last_failure
    assert failure is not None
    assert "golden case 0" in failure.reason


async def test_a_missing_precision_is_refused_with_what_there_is(store: Path) -> None:
    registry, _ = make_registry(store, precision="int8")
    await registry.scan()
    failure = registry.model("mood").last_failure
    assert failure is not None
    assert "no int8 graph, only fp32" in failure.reason


async def test_a_version_replaced_in_place_is_loaded_anew_or_refused_with_the_reason(
    tiny_store: Path, store: Path
) -> None:
    registry, metrics = make_registry(store)
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


async def test_a_failure_goes_with_its_cause(tiny_store: Path, store: Path) -> None:
    corrupt(add_version(tiny_store, store))
    registry, metrics = make_registry(store)
    await registry.scan()
    assert registry.model("mood").last_failure is not None
    assert behind(metrics, "mood") == 1
    shutil.rmtree(store / "mood" / "2")
    await registry.scan()
    assert registry.model("mood").last_failure is None
    assert behind(metrics, "mood") == 0


async def test_a_copy_that_was_cut_short_stays_visible(tiny_store: Path, store: Path) -> None:
    (add_version(tiny_store, store) / "model.fp32.onnx").unlink()
    registry, metrics = make_registry(store)
    for _ in range(2):
        await registry.scan()
        assert behind(metrics, "mood") == 1


@pytest.mark.parametrize("name", ["config.json", "adapter_config.json"])
async def test_a_checkpoint_in_place_of_a_version_is_refused_with_the_command_that_exports_it(
    store: Path, name: str
) -> None:
    folder = store / "mood" / "2"
    make_checkpoint(folder)
    (folder / "config.json").rename(folder / name)
    registry, metrics = make_registry(store)
    await registry.scan()
    assert registry.resolve("mood", "sequence-classification").version == 1
    failure = registry.model("mood").failures[2]
    assert f"{folder} is a Hugging Face checkpoint ({name})" in failure.reason
    assert "classmark export CHECKPOINT --name mood" in failure.reason
    assert not failure.incomplete
    assert (reloads(metrics, "failed"), reloads(metrics, "incomplete")) == (1, 0)


async def test_a_checkpoint_in_place_of_a_model_is_refused_until_a_version_is_exported(
    tiny_store: Path, tmp_path: Path
) -> None:
    folder = make_checkpoint(tmp_path / "store" / "mood")
    registry, metrics = make_registry(tmp_path / "store")
    await registry.scan()
    await registry.scan()
    model = registry.model("mood")
    assert (model.is_down, model.is_refused, behind(metrics, "mood")) == (True, True, 1)
    assert model.last_failure is not None
    assert f"{folder} is a Hugging Face checkpoint" in model.last_failure.reason
    assert reloads(metrics, "failed") == 1
    add_version(tiny_store, tmp_path / "store", 1)
    await registry.scan()
    assert (model.version, model.last_failure, behind(metrics, "mood")) == (1, None, 0)
