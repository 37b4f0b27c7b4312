"""The metrics of several processes are one service's, whichever is asked and whichever died."""

import json
import shutil
import time
from datetime import datetime
from pathlib import Path

import pytest

from app.bundle.bundle import MANIFEST
from app.engine.batching.cpus import available_cpus
from app.telemetry.metrics import VERSIONS_KEPT
from tests.app.workers.several import (
    Samples,
    ask_anew,
    kill_front_end,
    samples,
    wait_until_replaced,
)
from tests.support.server import Server, serving


def total(measured: Samples, name: str) -> float:
    """Add up the series of a metric that are about classification, or about all."""
    routes = (("route", "/v1/classify"), ("model", "mood"))
    return sum(
        value
        for (found, labels), value in measured.items()
        if found == name and (not labels or any(label in labels for label in routes))
    )


def versions_of(measured: Samples, name: str) -> set[str]:
    """Return the versions of mood that a metric has series of."""
    found = [dict(labels) for one, labels in measured if one == f"classmark_{name}"]
    return {labels["version"] for labels in found if labels["model"] == "mood"}


def test_metrics_of_all_front_ends_add_up_whichever_is_asked(together: Server) -> None:
    count = 40
    before = samples(together)
    body = {"model": "mood", "inputs": "a good film"}
    answers = [ask_anew(together, "/v1/classify", body) for _ in range(count)]
    assert {answer.status_code for answer in answers} == {200}
    ids = {answer.headers["x-request-id"].split("-")[0] for answer in answers}
    assert len(ids) == 2, "every connection went to the same front end"
    for _ in range(6):
        after = samples(together)
        for name in (
            "classmark_requests_total", "classmark_request_seconds_count",
            "classmark_input_tokens_count", "classmark_batch_entries_sum",
        ):  # fmt: skip
            assert total(after, name) - total(before, name) == count, name
        assert after["classmark_ready", frozenset()] == 1
        busy = "classmark_executor_busy_seconds_total", frozenset[tuple[str, str]]()
        assert after[busy] > before[busy]
        assert after["classmark_queue_entries", frozenset()] == 0


@pytest.mark.parametrize("workers", [1, 2])
def test_a_cold_start_is_timed_from_the_first_process_until_the_service_is_ready(
    tiny_store: Path, workers: int
) -> None:
    began = time.time()
    with serving(tiny_store, workers=workers) as server:
        started = datetime.fromisoformat(server.wait_for_log(" started ").split()[0]).timestamp()
        seen = {samples(server)["classmark_cold_start_seconds", frozenset()] for _ in range(4)}
        (seconds,) = seen
    assert 0 < seconds <= started - began + 0.02, "of several processes it is no sum"


def test_there_are_no_more_executors_than_cpus(together: Server) -> None:
    alive = samples(together)["classmark_executors", frozenset({("state", "alive")})]
    assert alive == available_cpus()


def test_every_process_forgets_the_versions_of_long_ago(tiny_store: Path, store: Path) -> None:
    versions = range(2, VERSIONS_KEPT + 3)
    for version in versions:
        folder = shutil.copytree(tiny_store / "mood" / "2", store / "mood" / str(version))
        manifest = json.loads((folder / MANIFEST).read_text())
        (folder / MANIFEST).write_text(json.dumps(manifest | {"version": version}))
    (store / "mood" / "desired-version").write_text("1\n")
    with serving(store, workers=2, drain_seconds=0) as server:
        for version in versions:
            done = ask_anew(server, "/v1/models/mood/reload", {"version": version})
            assert done.json()["version"] == version
            ask_anew(server, "/v1/classify", {"model": "mood", "inputs": "a good film"})
            if version == versions[0]:  # the dead still count what they told when last asked
                assert versions_of(samples(server), "input_tokens_count") == {"1", "2"}
                killed = kill_front_end(server, "front-end-1")
                wait_until_replaced(server, "front-end-1", killed)
        counted = samples(server)
    kept = {str(version) for version in versions[-VERSIONS_KEPT:]}
    for name in ("requests_total", "input_tokens_count", "batch_seconds_count"):
        assert versions_of(counted, name) == kept, name
