"""One service in several processes: the same answers, one reload, and no death that spreads."""

import asyncio
import itertools
import os
import select
import shutil
import signal
import sys
from pathlib import Path

import pytest

from tests.app.workers.several import (
    ask_anew,
    kill_front_end,
    launched,
    samples,
    wait_until_replaced,
)
from tests.end_to_end.test_under_load import Versions, calls, until
from tests.support.load import Clients
from tests.support.server import Server, serving
from tests.support.texts import random_texts

pytestmark = pytest.mark.anyio
CLIENTS = 16
LONG = "a good film and a bad plot " * 60


def wait_until_gone(pids: list[int]) -> None:
    """Wait for processes that need not be children of this one."""
    for pid in pids:
        try:
            handle = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        ended, _, _ = select.select([handle], [], [], 30)
        os.close(handle)
        assert ended, f"process {pid} lives on"


def test_answers_are_bit_for_bit_those_of_one_process(server: Server, together: Server) -> None:
    texts = [*random_texts(60, seed=3), LONG]
    asked = [("/v1/classify", {"model": "mood", "inputs": text}) for text in texts]
    asked += [("/v1/ner", {"model": "names", "inputs": text}) for text in texts]
    asked.append(("/v1/classify", {"model": "mood", "inputs": texts, "long_text": "window"}))
    asked.append(("/v1/ner", {"inputs": texts, "long_text": "window", "threshold": 0.0}))
    with server.client() as alone, together.client() as several:
        for path, body in asked:
            expected, got = alone.post(path, json=body), several.post(path, json=body)
            assert (got.status_code, got.content) == (expected.status_code, expected.content)
        expected, got = (c.get("/v1/models").json() for c in (alone, several))
        # Of the process that runs the models: only what it took before it loaded them may differ.
        assert got.pop("predicted_memory_bytes") > 0 < expected.pop("predicted_memory_bytes")
        assert got == expected
        assert all(model["memory_bytes"] for model in got["models"])
        for refused in ({"model": "no"}, {"model": "mood", "inputs": ""}, {}):
            expected, got = (c.post("/v1/classify", json=refused) for c in (alone, several))
            assert got.status_code == expected.status_code
            assert got.json()["detail"] == expected.json()["detail"]


async def test_a_reload_under_load_is_one_everywhere_and_loses_no_request(
    tiny_store: Path, store: Path
) -> None:
    with serving(store, workers=2, drain_seconds=0) as server:
        versions = Versions()
        clients = Clients(server.url, calls(), versions)
        running = asyncio.ensure_future(clients.run(CLIENTS))
        await until(versions.many)
        await asyncio.to_thread(shutil.copytree, tiny_store / "mood" / "2", store / "mood" / "2")
        await until(versions.changed)
        body = {"model": "mood", "inputs": "a good film"}
        for version in (1, 2, 1):
            wish = {"version": version}
            done = await asyncio.to_thread(ask_anew, server, "/v1/models/mood/reload", wish)
            assert (done.status_code, done.json()["version"]) == (200, version)
            for _ in range(8):
                answer = await asyncio.to_thread(ask_anew, server, "/v1/classify", body)
                assert answer.json()["version"] == version
        missing = await asyncio.to_thread(
            ask_anew, server, "/v1/models/mood/reload", {"version": 9}
        )
        clients.stop()
        tally = await running
        counted = await asyncio.to_thread(samples, server)
        # Three versions were swapped out since; none of them is held once nobody needs it.
        await asyncio.to_thread(server.wait_for_log, "model closed model=mood.*role=engine")
    assert missing.status_code == 404
    assert (set(tally.statuses), tally.unanswered) == ({200}, 0)
    assert versions.seen == {1, 2}
    names = (
        "classmark_requests_total",
        "classmark_answer_score_count",
        "classmark_batch_seconds_sum",
    )
    for name, version in itertools.product(names, ("1", "2")):
        series = {("model", "mood"), ("version", version)}
        assert any(one == name and series <= labels for one, labels in counted), (name, version)


async def test_a_killed_front_end_takes_only_its_own_connections_along(together: Server) -> None:
    versions = Versions()
    clients = Clients(together.url, calls(), versions)
    running = asyncio.ensure_future(clients.run(CLIENTS))
    await until(versions.many)
    before = await asyncio.to_thread(samples, together)
    killed = await asyncio.to_thread(kill_front_end, together, "front-end-1")
    back = asyncio.ensure_future(
        asyncio.to_thread(wait_until_replaced, together, "front-end-1", killed)
    )
    body = {"model": "mood", "inputs": "a good film"}
    while not back.done():  # new connections, to the one left and then to both
        answer = await asyncio.to_thread(ask_anew, together, "/v1/classify", body)
        assert answer.status_code == 200
    clients.stop()
    tally = await running
    after = await asyncio.to_thread(samples, together)
    assert set(tally.statuses) == {200}
    assert 0 <= tally.unanswered < CLIENTS
    assert after["classmark_process_restarts_total", frozenset({("role", "front-end")})] == 1
    backwards = [
        key for key in before if key[0].endswith(("_total", "_count")) and after[key] < before[key]
    ]
    assert not backwards


class Recovery:
    """Notices the first good answer after a refused one."""

    def __init__(self) -> None:
        self.clients: Clients | None = None
        self.began, self.recovered = asyncio.Event(), asyncio.Event()

    def __call__(self, _: int, answer: object) -> None:
        self.began.set()
        assert self.clients is not None
        if 503 in self.clients.tally.statuses:
            self.recovered.set()


async def test_a_killed_engine_costs_503_until_it_is_back_and_nothing_else(
    together: Server,
) -> None:
    watch = Recovery()
    clients = watch.clients = Clients(together.url, calls(), watch)
    running = asyncio.ensure_future(clients.run(2))
    await until(watch.began)
    killed = launched(together, "engine")
    os.kill(killed, signal.SIGKILL)
    # Its successor is held up as it starts, so that there is time to ask without one.
    another = rf"process launched process_role=engine process_pid=(?!{killed}\b)"
    await asyncio.to_thread(together.wait_for_log, another)
    os.kill(launched(together, "engine"), signal.SIGSTOP)
    away = await asyncio.to_thread(ask_anew, together, "/health/ready")
    body = {"model": "mood", "inputs": "a good film"}
    refused = await asyncio.to_thread(ask_anew, together, "/v1/classify", body)
    os.kill(launched(together, "engine"), signal.SIGCONT)
    await until(watch.recovered)
    clients.stop()
    tally = await running
    for role in ("front-end-1", "front-end-2"):
        await asyncio.to_thread(together.wait_for_log, f"engine is back role={role}")
    after = await asyncio.to_thread(ask_anew, together, "/health/ready")
    assert (away.status_code, "engine" in away.json()["reason"]) == (503, True)
    assert refused.status_code == 503
    assert refused.headers["content-type"] == "application/problem+json"
    assert "again" in refused.json()["detail"]
    assert (set(tally.statuses), tally.unanswered) == ({200, 503}, 0)
    assert after.status_code == 200


async def test_sigterm_under_load_answers_every_accepted_request_and_exits_with_0(
    store: Path,
) -> None:
    with serving(store, workers=2) as server:
        versions = Versions()
        running = asyncio.ensure_future(Clients(server.url, calls(), versions).run(CLIENTS))
        await until(versions.many)
        processes = [launched(server, role) for role in ("engine", "front-end-1", "front-end-2")]
        # As a service manager does it: to every process of the group, in any order.
        for pid in (*processes, server.process.pid):
            os.kill(pid, signal.SIGTERM)
        tally = await running
        code = await asyncio.to_thread(server.process.wait, 60)
        wait_until_gone(processes)
    assert (set(tally.statuses), tally.unanswered) == ({200}, 0)
    assert code == 0


def test_no_process_outlives_its_supervisor(store: Path) -> None:
    with serving(store, workers=2, drain_seconds=0) as server:
        processes = [launched(server, role) for role in ("engine", "front-end-1", "front-end-2")]
        server.process.kill()
        wait_until_gone(processes)


def test_a_start_that_fails_says_why_and_ends_all(tmp_path: Path) -> None:
    server = Server(tmp_path, Path(sys.executable), {"workers": 2, "device": "cuda"})
    try:
        assert server.process.wait(60) == 2
    finally:
        server.close()
    assert any("no CUDA provider" in line for line in server.log)
