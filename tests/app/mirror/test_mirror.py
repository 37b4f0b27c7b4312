"""A cache comes to hold what the bucket wants and this device needs, and nothing that is wrong."""

import errno
import os
import shutil
from pathlib import Path

import pytest

from app.errors import StoreError
from app.mirror.cache import Cache
from app.mirror.mirror import Held, Mirror
from tests.support.buckets import URL, Bucket, copy_graph, files, make_mirror


@pytest.fixture
def bucket() -> Bucket:
    return Bucket()


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def fault(mirror: Mirror, held: Held | None = None, version: int = 2) -> str:
    done = mirror.sync({"mood": held or Held()})
    return str(done.faults["mood"][version])


def versions(cache: Path, name: str = "mood") -> list[str]:
    return sorted(path.name for path in (cache / "store" / name).iterdir() if path.is_dir())


def test_of_each_model_the_newest_version_is_fetched_once_and_byte_for_byte(
    bucket: Bucket, cache: Path, tiny_store: Path
) -> None:
    for name, version in (("mood", 1), ("mood", 2), ("names", 1)):
        bucket.add(tiny_store, name, version)
    mirror = make_mirror(bucket, cache)
    done = mirror.sync({})
    assert files(cache / "store") == [
        *(f"mood/2/{name}" for name in ("manifest.json", "model.fp32.onnx", "tokenizer.json")),
        *(f"names/1/{name}" for name in ("manifest.json", "model.fp32.onnx", "tokenizer.json")),
    ]
    for path in files(cache / "store"):
        assert (cache / "store" / path).read_bytes() == (tiny_store / path).read_bytes()
    assert bucket.fetched() == files(cache / "store")
    assert done.fetched_bytes == bucket.bytes_of(*files(cache / "store"))
    assert mirror.sync({}).fetched_bytes == 0
    assert bucket.fetched() == []


def test_only_the_graph_this_device_prefers_is_fetched_and_the_next_once_it_was_refused(
    bucket: Bucket, cache: Path, store: Path
) -> None:
    copy_graph(store, "mood", 1)
    bucket.add(store, "mood", 1)
    mirror = make_mirror(bucket, cache)
    mirror.sync({})
    assert "mood/1/model.fp32.onnx" not in bucket.fetched()
    mirror.sync({"mood": Held(lacking=frozenset({1}))})
    assert bucket.fetched() == ["mood/1/model.fp32.onnx"]
    mirror.sync({"mood": Held(serving=1)})
    assert bucket.fetched() == []


def test_a_version_is_unseen_until_it_is_whole(
    bucket: Bucket, cache: Path, tiny_store: Path
) -> None:
    bucket.add(tiny_store, "mood", 1)
    seen: list[bool] = []
    bucket.on_piece = lambda path: seen.append((cache / "store/mood/1").exists())
    make_mirror(bucket, cache).sync({})
    assert seen
    assert not any(seen)
    assert versions(cache) == ["1"]


def test_an_upload_without_its_manifest_is_no_version_yet(
    bucket: Bucket, cache: Path, tiny_store: Path
) -> None:
    bucket.add(tiny_store, "mood", 1)
    bucket.add(tiny_store, "mood", 2, but=["manifest.json"])
    mirror = make_mirror(bucket, cache)
    assert mirror.sync({}).faults == {"mood": {}}
    assert versions(cache) == ["1"]
    bucket.add(tiny_store, "mood", 2)
    mirror.sync({"mood": Held(serving=1)})
    assert versions(cache) == ["1", "2"]


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


def test_pins_are_those_of_the_bucket_and_the_channels_comes_first(
    bucket: Bucket, cache: Path, tiny_store: Path
) -> None:
    for version in (1, 2):
        bucket.add(tiny_store, "mood", version)
    bucket.pin("mood", "1")
    mirror, canary = make_mirror(bucket, cache), make_mirror(bucket, cache / "canary", "canary")
    mirror.sync({})
    canary.sync({})
    assert versions(cache) == versions(cache / "canary") == ["1"]
    bucket.pin("mood", "2", "canary")
    mirror.sync({})
    canary.sync({})
    assert versions(cache) == ["1"]
    assert (cache / "canary/store/mood/desired-version.canary").read_text() == "2"
    assert versions(cache / "canary") == ["1", "2"]
    bucket.delete("mood/desired-version.canary")
    canary.sync({})
    assert not (cache / "canary/store/mood/desired-version.canary").exists()


def test_a_pin_to_what_is_not_there_is_followed_and_blamed(
    bucket: Bucket, cache: Path, tiny_store: Path
) -> None:
    bucket.add(tiny_store, "mood", 1)
    mirror = make_mirror(bucket, cache)
    mirror.sync({})
    bucket.pin("mood", "7")
    assert "whole are: 1" in fault(mirror, Held(serving=1), 7)
    assert (cache / "store/mood/desired-version").read_text() == "7"
    assert versions(cache) == ["1"]


def test_the_serving_version_and_the_one_before_are_kept_older_ones_removed(
    bucket: Bucket, cache: Path, tiny_store: Path
) -> None:
    manifest = (tiny_store / "mood/1/manifest.json").read_text()
    mirror = make_mirror(bucket, cache)
    for version in (1, 2, 3):
        bucket.add(tiny_store, "mood", 1)
        for file in ("model.fp32.onnx", "tokenizer.json"):
            bucket.store.put(f"mood/{version}/{file}", (tiny_store / "mood/1" / file).read_bytes())
        text = manifest.replace('"version": 1', f'"version": {version}')
        bucket.store.put(f"mood/{version}/manifest.json", text.encode())
        mirror.sync({"mood": Held(serving=version - 1 or None)})
        os.utime(cache / "store/mood" / str(version), (version, version))
        mirror.sync({"mood": Held(serving=version)})
    assert versions(cache) == ["2", "3"]
    bucket.take("mood", 3)
    mirror.sync({"mood": Held(serving=3)})
    assert versions(cache) == ["2"]  # what the bucket takes back is taken back


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


def test_a_model_that_the_bucket_no_longer_has_is_removed(
    bucket: Bucket, cache: Path, tiny_store: Path
) -> None:
    bucket.add(tiny_store, "mood", 1)
    bucket.add(tiny_store, "names", 1)
    mirror = make_mirror(bucket, cache)
    mirror.sync({})
    bucket.take("names", 1)
    mirror.sync({})
    assert sorted(path.name for path in (cache / "store").iterdir()) == ["mood"]


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


def test_a_cache_has_one_process_and_one_bucket(bucket: Bucket, cache: Path) -> None:
    first = make_mirror(bucket, cache)
    first.sync({})
    with pytest.raises(StoreError, match="in use by another process; give each its own"):
        make_mirror(bucket, cache).sync({})
    first.cache.close()
    other = Mirror(first._remote, Cache(cache, "s3://other"), lambda manifest: [])
    with pytest.raises(StoreError, match=f"is the cache of {URL}"):
        other.sync({})
