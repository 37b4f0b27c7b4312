"""A cache comes to hold what the bucket wants and this device needs, and no more."""

import os
from pathlib import Path

import pytest

from app.errors import StoreError
from app.mirror.cache import Cache
from app.mirror.mirror import Held, Mirror
from tests.support.buckets import URL, Bucket, copy_graph, files, make_mirror, versions


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
    done = mirror.sync({"mood": Held(serving=1)})
    assert "whole are: 1" in str(done.faults["mood"][7])
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


def test_a_cache_has_one_process_and_one_bucket(bucket: Bucket, cache: Path) -> None:
    first = make_mirror(bucket, cache)
    first.sync({})
    with pytest.raises(StoreError, match="in use by another process; give each its own"):
        make_mirror(bucket, cache).sync({})
    first.cache.close()
    other = Mirror(first._remote, Cache(cache, "s3://other"), lambda manifest: [])
    with pytest.raises(StoreError, match=f"is the cache of {URL}"):
        other.sync({})
