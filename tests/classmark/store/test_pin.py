"""A pin says which version services load; two that race do not both believe that they won."""

import sys
from pathlib import Path

import pytest

from app.errors import PinConflict, StoreError
from app.store import read_desired_version
from classmark.store import command
from classmark.store.bucket import read_bucket
from classmark.store.pin import pin, unpin
from tests.support.buckets import Bucket, remote


@pytest.fixture
def bucket(tiny_store: Path) -> Bucket:
    made = Bucket()
    for version in (1, 2):
        made.add(tiny_store, "mood", version)
    return made


def places(bucket: Bucket) -> dict[str, str]:
    return {one.name: one.place for one in read_bucket(remote(bucket), checksums=False)}


def test_pins_of_all_and_of_channels_are_written_listed_and_removed(bucket: Bucket) -> None:
    assert places(bucket) == {"mood/2": "wanted", "mood/1": ""}
    assert pin(remote(bucket), "mood", 1, None) == "the newest"
    assert pin(remote(bucket), "mood", 2, "canary") == "the newest"
    assert places(bucket) == {"mood/2": "canary", "mood/1": "wanted"}
    assert pin(remote(bucket), "mood", 2, None) == "1"
    unpin(remote(bucket), "mood", "canary")
    unpin(remote(bucket), "mood", None)
    unpin(remote(bucket), "mood", None)
    assert places(bucket) == {"mood/2": "wanted", "mood/1": ""}


@pytest.mark.parametrize("first", [None, 1])
def test_of_two_pins_at_the_same_time_one_is_refused_and_told_the_other(
    first: int | None, bucket: Bucket
) -> None:
    if first:
        pin(remote(bucket), "mood", first, None)
    store = remote(bucket)
    read = store.read_pin

    def read_and_be_late(name: str, file: str) -> object:
        found = read(name, file)
        store.read_pin = read  # type: ignore[method-assign]
        pin(remote(bucket), "mood", 2, None)
        return found

    store.read_pin = read_and_be_late  # type: ignore[method-assign, assignment]
    with pytest.raises(PinConflict, match="says '2' now; pin again if 1 is still right"):
        pin(store, "mood", 1, None)
    assert places(bucket)["mood/2"] == "wanted"


def test_a_version_that_is_not_there_or_not_whole_is_not_pinned(
    bucket: Bucket, tiny_store: Path
) -> None:
    bucket.store.put("mood/3/model.fp32.onnx", b"x")
    for store in (remote(bucket), tiny_store):
        with pytest.raises(StoreError, match="mood has no version 3; there are: 2, 1"):
            pin(store, "mood", 3, None)


def test_a_pin_to_what_is_gone_or_is_no_number_is_listed_as_wrong(bucket: Bucket) -> None:
    bucket.pin("mood", "9")
    bucket.pin("mood", "newest", "canary")
    faults = sorted(one.fault for one in read_bucket(remote(bucket), checksums=False) if one.fault)
    assert "says 'newest', not a version" in faults[0]
    assert "is pinned to version 9, which is not there" in faults[1]


def test_the_command_pins_in_a_folder_by_channel(
    store: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["classmark store", *arguments])
        assert command.main() == 0
        return capsys.readouterr().out

    where = ["--store", str(store), "--channel", "canary"]
    said = run("pin", "mood", "1", *where)
    assert said == f"mood is pinned to 1 for channel canary in {store}, it was the newest\n"
    assert read_desired_version(store, "mood") is None
    assert read_desired_version(store, "mood", "canary") == 1
    assert "wanted, canary" in run("list", str(store))
    assert "follows what all follow" in run("unpin", "mood", *where)
    assert read_desired_version(store, "mood", "canary") is None
