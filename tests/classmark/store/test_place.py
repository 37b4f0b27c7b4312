"""A store is a folder or a bucket, and a mistake in its name is told with what would be right."""

import importlib.util
from pathlib import Path

import pytest

from classmark.doctor import look_at_store
from classmark.store.place import find_store
from tests.support.buckets import URL, Bucket, remote


def test_a_path_is_a_folder_whatever_is_in_it(tmp_path: Path) -> None:
    assert find_store(str(tmp_path)) == tmp_path


@pytest.mark.parametrize("place", ["file:///models", "https://example.com/m", "s3://", "s3:///"])
def test_what_is_neither_is_refused_with_what_there_is(place: str) -> None:
    with pytest.raises(ValueError, match="name a folder by its path, or a bucket as s3://"):
        find_store(place)


def test_a_bucket_without_the_extra_is_refused_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"pip install 'classmark\[store\]'"):
        find_store("s3://models")


def test_the_doctor_looks_at_a_bucket_too(
    tiny_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = Bucket()
    monkeypatch.setattr("app.mirror.remote_store.open_remote", lambda url: remote(bucket))
    (empty,) = look_at_store(URL, checksums=False)
    assert "holds no model" in empty.text
    bucket.add(tiny_store, "mood", 1)
    (sound,) = look_at_store(URL, checksums=True)
    assert "1 models can serve" in sound.text
    bucket.store.put("mood/1/tokenizer.json", b"{}")
    _, damaged = look_at_store(URL, checksums=False)
    assert "tokenizer.json has 2 bytes" in damaged.text
    bucket.down = True
    (away,) = look_at_store(URL, checksums=False)
    assert (away.level, "cannot be reached" in away.text) == ("fault", True)


@pytest.mark.parametrize(
    ("place", "prefix"), [("s3://models/team/a/", "team/a"), ("gs://models", None)]
)
def test_a_buckets_prefix_is_part_of_its_url(place: str, prefix: str | None) -> None:
    store = find_store(place)
    assert not isinstance(store, Path)
    assert store.url == place.rstrip("/")
    assert store._store.prefix == prefix  # type: ignore[union-attr]
