"""What is damaged, away or too large costs a cache nothing that it has, and is made up for."""

import errno
import os
import shutil
from pathlib import Path

import pytest

from app.errors import StoreError
from app.mirror.mirror import Held, Mirror
from tests.support.buckets import URL, Bucket, files, make_mirror, versions


def fault(mirror: Mirror, held: Held | None = None) -> str:
    """Return what is wrong with version 2."""
    done = mirror.sync({"mood": held or Held()})
    return str(done.faults["mood"][2])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (lambda data: data[::-1], "changed or damaged"),
        (lambda data: data + b"x", "more bytes"),
        (lambda data: data[:-1], "changed or damaged"),
        (None, "is not there"),
    ],
)
def test_a_file_unlike_its_manifest_refuses_its_version_until_it_changes(
    content: object, said: str, bucket: Bucket, cache: Path, tiny_store: Path
) -> None:
    bucket.add(tiny_store, "mood", 1)
    bucket.add(tiny_store, "mood", 2)
    path = "mood/2/model.fp32.onnx"
    good = bytes(bucket.store.get(path).bytes())
    if callable(content):
        bucket.store.put(path, content(good))
    else:
        bucket.store.delete(path)
    mirror = make_mirror(bucket, cache)
    assert said in fault(mirror)
    assert versions(cache) == ["1"]  # the one before, since nothing serves
    bucket.fetched()
    assert said in fault(mirror, Held(serving=1))
    assert bucket.fetched() == []
    bucket.store.put(path, good)
    assert mirror.sync({}).faults == {"mood": {}}
    assert "2" in versions(cache)
    assert files(cache / "fetch") == []


def test_a_file_longer_than_its_manifest_says_is_not_read_to_its_end(
    bucket: Bucket, cache: Path, tiny_store: Path
) -> None:
    bucket.add(tiny_store, "mood", 2)
    size = bucket.bytes_of("mood/2/tokenizer.json")
    bucket.store.put("mood/2/tokenizer.json", bytes(size + 50_000_000))
    pieces: list[str] = []
    bucket.on_piece = pieces.append
    assert "more bytes" in fault(make_mirror(bucket, cache))
    assert pieces.count("mood/2/tokenizer.json") <= 2


def test_what_another_name_or_a_newer_service_wrote_is_refused(
    bucket: Bucket, cache: Path, tiny_store: Path
) -> None:
    bucket.add(tiny_store, "mood", 2)
    manifest = bytes(bucket.store.get("mood/2/manifest.json").bytes())
    bucket.store.put("mood/2/manifest.json", manifest.replace(b'"mood"', b'"rage"'))
    assert "says it is rage/2" in fault(make_mirror(bucket, cache))
    bucket.store.put("mood/2/manifest.json", bytes(17 * 1024 * 1024))
    assert "the limit is" in fault(make_mirror(bucket, cache / "other"))


def test_a_bucket_that_is_down_or_all_at_once_empty_changes_nothing(
    bucket: Bucket, cache: Path, tiny_store: Path
) -> None:
    bucket.add(tiny_store, "mood", 1)
    mirror = make_mirror(bucket, cache)
    mirror.sync({})
    bucket.down = True
    with pytest.raises(StoreError, match=f"{URL} cannot be reached: connection refused"):
        mirror.sync({})
    bucket.down = False
    bucket.take("mood", 1)
    with pytest.raises(StoreError, match="is empty; the cache keeps what it has"):
        mirror.sync({})
    assert versions(cache) == ["1"]


def test_an_outage_in_the_middle_of_a_file_leaves_nothing_behind_and_is_made_up_for(
    bucket: Bucket, cache: Path, tiny_store: Path
) -> None:
    bucket.add(tiny_store, "mood", 1)

    def fall(path: str) -> None:
        bucket.down = path.endswith("model.fp32.onnx")

    bucket.on_piece = fall
    mirror = make_mirror(bucket, cache)
    with pytest.raises(StoreError, match="cannot be reached"):
        mirror.sync({})
    assert files(cache) == ["bucket"]
    bucket.down, bucket.on_piece = False, lambda path: None
    mirror.sync({})
    assert versions(cache) == ["1"]


def test_what_does_not_fit_on_the_disk_is_not_begun(
    bucket: Bucket, cache: Path, tiny_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.add(tiny_store, "mood", 2)
    full = shutil.disk_usage(tiny_store)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: full)
    said = fault(make_mirror(bucket, cache))
    assert "has 0.0 MB free; make room there, or name a folder" in said
    assert bucket.fetched() == ["mood/2/manifest.json"]
    assert files(cache) == ["bucket"]


def test_a_disk_that_fills_up_meanwhile_costs_that_version_alone_and_is_tried_again(
    bucket: Bucket, cache: Path, tiny_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.add(tiny_store, "mood", 2)
    bucket.add(tiny_store, "names", 1)
    mirror, sync = make_mirror(bucket, cache), os.fsync

    def full(handle: int) -> None:
        if "mood" in os.readlink(f"/proc/self/fd/{handle}"):
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(handle)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        assert "No space left on device); make room there" in fault(mirror)
    assert versions(cache, "names") == ["1"]
    assert files(cache / "fetch") == []
    assert mirror.sync({}).faults == {"mood": {}, "names": {}}
    assert versions(cache) == ["2"]


def test_a_cached_file_that_went_bad_is_fetched_again_at_the_next_start(
    bucket: Bucket, cache: Path, tiny_store: Path
) -> None:
    bucket.add(tiny_store, "mood", 2)
    first = make_mirror(bucket, cache)
    first.sync({})
    graph = cache / "store/mood/2/model.fp32.onnx"
    good = graph.read_bytes()
    graph.write_bytes(good[::-1])
    first.cache.close()
    bucket.fetched()
    make_mirror(bucket, cache).sync({})
    assert bucket.fetched() == ["mood/2/model.fp32.onnx"]
    assert graph.read_bytes() == good
