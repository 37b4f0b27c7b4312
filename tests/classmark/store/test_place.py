"""A store is a folder or a bucket, and a mistake in its name is told with what would be right."""

import importlib.util
from pathlib import Path

import pytest

from classmark.store.place import find_store


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


@pytest.mark.parametrize(
    ("place", "prefix"), [("s3://models/team/a/", "team/a"), ("gs://models", None)]
)
def test_a_buckets_prefix_is_part_of_its_url(place: str, prefix: str | None) -> None:
    store = find_store(place)
    assert not isinstance(store, Path)
    assert store.url == place.rstrip("/")
    assert store._store.prefix == prefix  # type: ignore[union-attr]
