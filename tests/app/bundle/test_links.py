"""Links inside a store are followed, as one state; none leads out of it."""

import os
import shutil
from pathlib import Path

import pytest

from app.bundle.bundle import open_bundle
from app.errors import BundleError, DamagedBundle, IncompleteBundle
from app.store import (
    list_models,
    list_versions,
    read_desired_version,
    version_signature,
    write_desired_version,
)
from tests.support.volumes import mount_config_map, swap_link, sync_git

PARTS = ("mood", "mood/1", "mood/1/manifest.json", "mood/1/model.fp32.onnx")


def move(store: Path, part: str, target: Path, *, relative: bool = False) -> Path:
    """Put a link in the place of a part of the store; return the link."""
    link = store / part
    target.parent.mkdir(parents=True, exist_ok=True)
    link.rename(target)
    link.symlink_to(os.path.relpath(target, link.parent) if relative else target)
    return link


@pytest.mark.parametrize("relative", [True, False])
@pytest.mark.parametrize("part", PARTS)
def test_a_link_that_stays_inside_the_store_is_followed(
    store: Path, part: str, relative: bool
) -> None:
    move(store, part, store / ".elsewhere" / "it", relative=relative)
    assert (list_models(store), list_versions(store, "mood")) == (["mood", "names"], [1])
    bundle = open_bundle(store / "mood" / "1")
    bundle.check_files(checksums=True)
    assert (bundle.manifest.name, bundle.path) == ("mood", store / "mood" / "1")


@pytest.mark.parametrize("part", PARTS)
def test_a_link_out_of_the_store_is_refused_with_its_target_and_the_remedy(
    store: Path, part: str
) -> None:
    target = store.parent / "outside" / "it"
    link = move(store, part, target)
    with pytest.raises(DamagedBundle) as refused:
        open_bundle(store / "mood" / "1")
    said = f"{link} is a link to {target}, outside the model store {store}: "
    assert str(refused.value).startswith(said)
    assert "CLASSMARK_MODEL_STORE" in str(refused.value)
    if part == "mood":
        with pytest.raises(DamagedBundle, match="outside the model store"):
            list_versions(store, "mood")


def test_links_between_the_worktrees_of_one_repository_lead_out(
    store: Path, tmp_path: Path
) -> None:
    link = tmp_path / "synced" / "store"
    sync_git(link, "one", [store / "mood"])
    sync_git(link, "two", [store / "names"], keep=True)
    (link / "mood").symlink_to(link.parent / ".worktrees" / "one" / "mood")
    with pytest.raises(DamagedBundle, match=r"outside the model store .*/\.worktrees/two"):
        open_bundle(link / "mood" / "1")
    open_bundle(link / "names" / "1").check_files(checksums=True)


@pytest.mark.parametrize("part", PARTS)
def test_links_in_a_circle_are_refused_as_such(store: Path, part: str) -> None:
    link = move(store, part, store / ".elsewhere" / "it")
    swap_link(link, f"{link.name}.other")
    link.with_name(f"{link.name}.other").symlink_to(link.name)
    assert "mood" in list_models(store)
    with pytest.raises(DamagedBundle, match="in a circle"):
        open_bundle(store / "mood" / "1")
    assert version_signature(store, "mood", 1) == () or "/1/" in part


def test_a_link_to_nothing_is_a_copy_in_progress(store: Path) -> None:
    for part in ("mood/1/model.fp32.onnx", "mood/1", "mood"):
        link = move(store, part, store / ".elsewhere" / part.replace("/", "-"))
        swap_link(link, str(store / "not-there-yet"))
        with pytest.raises(IncompleteBundle):
            open_bundle(store / "mood" / "1").check_files(checksums=False)
        assert "mood" in list_models(store)
    with pytest.raises(IncompleteBundle, match="where nothing is"):
        list_versions(store, "mood")


def test_a_pin_that_leads_out_of_the_store_is_not_read(store: Path) -> None:
    write_desired_version(store, "mood", 1)
    move(store, "mood/desired-version", store / "pins" / "mood")
    assert read_desired_version(store, "mood") == 1
    (store / "mood" / "desired-version").unlink()
    (store / "mood" / "desired-version").symlink_to("/etc/passwd")
    with pytest.raises(BundleError, match="outside the model store") as refused:
        read_desired_version(store, "mood")
    assert Path("/etc/passwd").read_text()[:8] not in str(refused.value)


def test_a_signature_changes_with_what_links_lead_to(store: Path, tmp_path: Path) -> None:
    volume = tmp_path / "volume"
    mount_config_map(volume / "mood" / "1", "one", store / "mood" / "1")
    seen = version_signature(volume, "mood", 1)
    assert version_signature(volume, "mood", 1) == seen
    mount_config_map(volume / "mood" / "1", "two", store / "mood" / "1")
    assert version_signature(volume, "mood", 1) != seen
    link = move(store, "mood", store / ".elsewhere" / "one")
    shutil.copytree(store / ".elsewhere" / "one", store / ".elsewhere" / "two")  # and its times
    seen = version_signature(store, "mood", 1)
    swap_link(link, str(store / ".elsewhere" / "two"))
    assert version_signature(store, "mood", 1) != seen


@pytest.mark.parametrize("keep", [True, False])
def test_a_version_is_read_as_it_was_when_it_was_opened(
    tiny_store: Path, tmp_path: Path, keep: bool
) -> None:
    folder = tmp_path / "volume" / "mood" / "1"
    mount_config_map(folder, "one", tiny_store / "mood" / "1")
    bundle = open_bundle(folder)
    mount_config_map(folder, "two", tiny_store / "mood" / "2", keep=keep)
    if keep:
        bundle.check_files(checksums=True)
    else:
        with pytest.raises(IncompleteBundle, match="one/tokenizer.json is missing"):
            bundle.check_files(checksums=True)


def test_a_version_that_changes_while_it_is_opened_is_opened_again(
    tiny_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.bundle import bundle as module

    folder = tmp_path / "volume" / "mood" / "1"
    mount_config_map(folder, "one", tiny_store / "mood" / "1")
    real = module.read_plain

    def read_and_swap(path: Path, limit: int) -> bytes:
        data = real(path, limit)
        mount_config_map(folder, "two", tiny_store / "mood" / "2")
        return data

    monkeypatch.setattr(module, "read_plain", read_and_swap)
    with pytest.raises(IncompleteBundle, match="was replaced while it was opened"):
        open_bundle(folder)
