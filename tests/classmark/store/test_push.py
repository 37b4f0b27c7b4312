"""A push puts a whole bundle into a store or says why not, and never writes over another."""

import shutil
import sys
from pathlib import Path

import pytest

from app.errors import StoreError
from classmark.store import command
from classmark.store.bucket import read_bucket
from classmark.store.push import push
from tests.support.buckets import Bucket, remote


@pytest.fixture
def bucket() -> Bucket:
    return Bucket()


def paths(bucket: Bucket) -> list[str]:
    return sorted(found["path"] for chunk in bucket.store.list() for found in chunk)


def test_the_manifest_is_written_last_so_a_push_cut_short_is_no_version_and_is_completed(
    bucket: Bucket, tiny_store: Path
) -> None:
    bundle = tiny_store / "mood/1"
    written: list[str] = []
    put = bucket.put

    def note(path: str, content: object, **options: object) -> object:
        if len(written) == 2:
            bucket.down = True
        written.append(path)
        return put(path, content, **options)

    bucket.put = note  # type: ignore[method-assign]
    with pytest.raises(StoreError, match="cannot be reached"):
        push(bundle, remote(bucket))
    bucket.down, bucket.put = False, put  # type: ignore[method-assign]
    (entry,) = [one for one in read_bucket(remote(bucket), checksums=True) if "/" in one.name]
    assert "an upload goes on, or was cut short" in entry.fault
    assert push(bundle, remote(bucket))
    assert paths(bucket) == sorted(f"mood/1/{path.name}" for path in bundle.iterdir())
    (entry,) = read_bucket(remote(bucket), checksums=True)
    assert (entry.fault, entry.wanted) == ("", True)
    assert not push(bundle, remote(bucket))


def test_another_bundle_of_that_version_is_refused_before_anything_is_written(
    bucket: Bucket, tiny_store: Path, tmp_path: Path
) -> None:
    push(tiny_store / "mood/1", remote(bucket))
    before = paths(bucket)
    other = shutil.copytree(tiny_store / "mood/1", tmp_path / "mood/1")
    manifest = (other / "manifest.json").read_text()
    (other / "manifest.json").write_text(manifest + "\n")
    (other / "notes.txt").write_text("not yet there")
    with pytest.raises(StoreError, match="versions never change"):
        push(other, remote(bucket))
    with pytest.raises(StoreError, match="versions never change"):
        push(other, tiny_store)
    assert paths(bucket) == before


def test_a_file_of_another_upload_is_not_written_over(bucket: Bucket, tiny_store: Path) -> None:
    bucket.store.put("mood/1/tokenizer.json", b"{}")
    with pytest.raises(StoreError, match="of an upload that was cut short, or still goes on"):
        push(tiny_store / "mood/1", remote(bucket))
    assert "mood/1/manifest.json" not in paths(bucket)


def test_what_is_no_whole_bundle_is_not_pushed(store: Path, tmp_path: Path) -> None:
    graph = store / "mood/1/model.fp32.onnx"
    graph.write_bytes(graph.read_bytes()[::-1])
    with pytest.raises(Exception, match="changed or damaged"):
        push(store / "mood/1", tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_a_folder_is_pushed_into_as_a_whole_and_the_command_says_so(
    tiny_store: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    target = tmp_path / "other"
    arguments = ["classmark store", "push", str(tiny_store / "mood/2"), str(target)]
    monkeypatch.setattr(sys, "argv", arguments)
    assert command.main() == 0
    assert command.main() == 0
    assert capsys.readouterr().out.splitlines() == [
        f"mood/2 is in {target}",
        f"mood/2 was already in {target}",
    ]
    there = sorted(path.name for path in (target / "mood").iterdir())
    assert there == ["2"]
    for path in (tiny_store / "mood/2").iterdir():
        assert (target / "mood/2" / path.name).read_bytes() == path.read_bytes()
