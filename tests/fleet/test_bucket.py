"""Services on a real S3 server: what served serves on, nothing wrong is served, nothing is lost.

Each asks under load all the time: every answer has status 200 and one that its version gives.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.bundle.bundle import MANIFEST
from app.bundle.manifest import Manifest
from tests.deployment.bundles import write_bundle
from tests.fleet.followed import loaded, store, value, wait_for_looks
from tests.fleet.s3 import URL, S3Server, s3_server
from tests.support.buckets import copy_graph, files
from tests.support.server import Server, serving

pytestmark = pytest.mark.fleet

OUTAGE_SECONDS = 30


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Server]:
    with s3_server() as server:
        yield server


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Hold versions 1 to 4 of `mood`, whose answers differ."""
    store = tmp_path_factory.mktemp("bundles")
    for version in (1, 2, 3, 4):
        write_bundle(store, "mood", version, "sequence-classification")
    return store


@pytest.fixture
def bucket(s3: S3Server, bundles: Path) -> S3Server:
    """The bucket with version 1."""
    s3.clear()
    store("push", str(bundles / "mood/1"), URL)
    return s3


@pytest.mark.parametrize("workers", [1, 2])
def test_published_pinned_and_taken_back_under_load(
    workers: int, bucket: S3Server, bundles: Path, tmp_path: Path, measured: dict[str, str]
) -> None:
    with loaded(tmp_path, workers=workers) as (server, load):
        load.wait_for(1)
        store("push", str(bundles / "mood/2"), URL)
        pushed = time.monotonic()
        load.wait_for(2)
        measured[f"a push answers after ({workers} workers, polls each second), s"] = (
            f"{time.monotonic() - pushed:.2f}"
        )
        store("pin", "mood", "1", "--store", URL)
        server.wait_for_log("model swapped.*version=1 .*previous_version=2")
        store("unpin", "mood", "--store", URL)
        server.wait_for_log("model swapped.*version=2 .*previous_version=1")
        assert "mood/2  wanted" in store("list", URL)
    assert load.versions == {1, 2}


def test_only_what_this_device_loads_is_fetched(
    bucket: S3Server, bundles: Path, tmp_path: Path
) -> None:
    two_graphs = shutil.copytree(bundles / "mood", tmp_path / "own/mood").parent
    copy_graph(two_graphs, "mood", 2)
    store("push", str(two_graphs / "mood/2"), URL)
    manifest = Manifest.model_validate_json((two_graphs / "mood/2" / MANIFEST).read_bytes())
    with loaded(tmp_path / "cache") as (server, load):
        load.wait_for(2)
        fetched = value(server, "store_fetched_bytes_total")
    needed = (two_graphs / "mood/2" / MANIFEST).stat().st_size
    needed += manifest.tokenizer.bytes + manifest.graphs["int8"].bytes
    assert fetched == needed
    assert files(tmp_path / "cache/store") == [
        f"mood/2/{name}" for name in ("manifest.json", "model.int8.onnx", "tokenizer.json")
    ]


def test_a_torn_upload_and_a_wrong_hash_are_never_served(
    bucket: S3Server, bundles: Path, tmp_path: Path
) -> None:
    remote = bucket.store()
    with loaded(tmp_path) as (server, load):
        load.wait_for(1)
        remote.create("mood/2/model.fp32.onnx", bundles / "mood/2/model.fp32.onnx")
        wait_for_looks(server)
        assert load.versions == {1}
        graph = (bundles / "mood/3/model.fp32.onnx").read_bytes()
        remote.create("mood/3/model.fp32.onnx", graph[:-1] + bytes([graph[-1] ^ 1]))
        for name in ("tokenizer.json", MANIFEST):
            remote.create(f"mood/3/{name}", bundles / "mood/3" / name)
        server.wait_for_log("version refused.*version=3.*changed or damaged")
        with server.client() as client:
            mood = client.get("/v1/models/mood").json()
        assert (mood["version"], mood["wanted_version"]) == (1, 3)
        assert "changed or damaged" in mood["last_failure"]["reason"]
        store("push", str(bundles / "mood/2"), URL)  # completes what was torn
        store("pin", "mood", "2", "--store", URL)
        load.wait_for(2)
        store("push", str(bundles / "mood/4"), URL)
        store("unpin", "mood", "--store", URL)
        load.wait_for(4)
    assert load.versions == {1, 2, 4}


def test_an_outage_costs_nothing_and_is_made_up_for(
    bucket: S3Server, bundles: Path, tmp_path: Path, measured: dict[str, str]
) -> None:
    with loaded(tmp_path) as (server, load):
        load.wait_for(1)
        bucket.stop()
        server.wait_for_log("store not followed.*cannot be reached")
        again = shutil.copytree(tmp_path, tmp_path.parent / "again")
        with serving(URL, store_cache=again) as restarted, restarted.client() as client:
            assert client.get("/health/ready").status_code == 200  # by what the cache has
        time.sleep(OUTAGE_SECONDS)
        assert value(server, "store_sync_age_seconds") > OUTAGE_SECONDS
        bucket.start()
        for version in ("1", "2"):
            store("push", str(bundles / "mood" / version), URL)
        back = time.monotonic()
        server.wait_for_log("store is followed again")
        load.wait_for(2)
        measured["a bucket is followed again after an outage of 30 s, s"] = (
            f"{time.monotonic() - back:.1f}"
        )
        wait_for_looks(server, 1)
        assert value(server, "store_sync_age_seconds") < OUTAGE_SECONDS
    assert load.versions == {1, 2}


def test_a_bucket_that_hangs_holds_up_neither_answers_nor_the_end(
    bucket: S3Server, bundles: Path, tmp_path: Path
) -> None:
    with loaded(tmp_path / "cache") as (server, load):
        load.wait_for(1)
        with bucket.hanging():
            server.wait_for_log("store not followed.*cannot be reached")
        server.wait_for_log("store is followed again")
        store("push", str(bundles / "mood/2"), URL)
        load.wait_for(2)
    with serving(URL, store_cache=tmp_path / "cache", store_poll_seconds=1) as server:
        wait_for_looks(server, 1)
        with bucket.hanging():
            time.sleep(2)  # it waits for a listing by now
            assert server.terminate() == 0


def test_a_start_without_bucket_and_cache_waits_and_says_why(
    bucket: S3Server, bundles: Path, tmp_path: Path
) -> None:
    bucket.stop()
    server = Server(URL, Path(sys.executable), {"store_cache": tmp_path, "workers": 2})
    try:
        server.wait_for_log("store not followed")
        with server.client() as client:
            reason = client.get("/health/ready").json()["reason"]
            assert client.get("/health/live").status_code == 200
        assert f"{URL} cannot be reached" in reason
        bucket.start()
        store("push", str(bundles / "mood/1"), URL)
        server.wait_for_log("started")
        assert server.terminate() == 0
    finally:
        server.close()


def test_a_full_disk_costs_nothing_and_is_made_up_for(
    bucket: S3Server, bundles: Path, tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("no file system may be mounted here; run as root")
    try:
        with loaded(disk / "cache") as (server, load):
            load.wait_for(1)
            filler = disk / "filler"
            filler.write_bytes(bytes(shutil.disk_usage(disk).free))
            store("push", str(bundles / "mood/2"), URL)
            server.wait_for_log("version refused.*version=2.*(MB free; make room|No space left)")
            assert load.versions == {1}
            assert files(disk / "cache/fetch") == []
            filler.unlink()
            load.wait_for(2)
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


# Reads the pin and writes a number that nobody else writes, if the pin is still what was read.
RACER = """
import sys
from app.errors import PinConflict
from app.mirror.remote_store import open_remote
store = open_remote(sys.argv[1])
for number in range(int(sys.argv[2]), 400, 2):
    before, tag = store.read_pin("mood", "desired-version") or (b"none", None)
    try:
        store.write_pin("mood", "desired-version", number, tag)
        print(before.decode().strip(), number)
    except PinConflict as exc:
        assert "was changed meanwhile and says" in str(exc)
        print("lost", number)
"""


def test_of_pins_that_race_none_is_lost_unnoticed(bucket: S3Server) -> None:
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, URL, str(first)], stdout=subprocess.PIPE, text=True
        )
        for first in (101, 102)
    ]
    lines = [
        line.split() for racer in racers for line in racer.communicate(timeout=120)[0].splitlines()
    ]
    assert [racer.returncode for racer in racers] == [0, 0]
    won = {before: number for before, number in lines if before != "lost"}
    assert len(won) == sum(before != "lost" for before, _ in lines), "two replaced the same pin"
    assert any(before == "lost" for before, _ in lines), "they never raced"
    pin, chain = "none", 0
    while pin in won:  # from the first pin each leads to the next, and all are on the way
        pin, chain = won[pin], chain + 1
    assert chain == len(won)
    found = bucket.store().read_pin("mood", "desired-version")
    assert found is not None
    assert found[0].decode().strip() == pin
