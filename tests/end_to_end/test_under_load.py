"""Many clients at once: the same answers, no lost request, through reload and shutdown."""

import asyncio
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.load import Call, Clients
from tests.support.server import Server, serving
from tests.support.texts import random_texts

pytestmark = pytest.mark.anyio
CLIENTS = 32


def calls() -> list[Call]:
    texts = random_texts(200, seed=21)
    classify = [Call.post("/v1/classify", {"model": "mood", "inputs": t}) for t in texts]
    ner = [Call.post("/v1/ner", {"model": "names", "inputs": t}) for t in texts]
    return [call for pair in zip(classify, ner, strict=True) for call in pair]


class Versions:
    """Notes which versions of `mood` answered, and when the second did first."""

    def __init__(self) -> None:
        self.seen: set[int] = set()
        self.changed = asyncio.Event()
        self.many = asyncio.Event()
        self._answers = 0

    def __call__(self, _: int, answer: Any) -> None:
        self._answers += 1
        if self._answers > 200:
            self.many.set()
        if answer["model"] == "mood":
            self.seen.add(answer["version"])
        if 2 in self.seen:
            self.changed.set()


async def until(event: asyncio.Event) -> None:
    await asyncio.wait_for(event.wait(), 60)


async def test_a_new_version_under_load_loses_no_request(
    tiny_store: Path, store: Path, measured: dict[str, str]
) -> None:
    with serving(store) as server:
        versions = Versions()
        clients = Clients(server.url, calls(), versions)
        running = asyncio.ensure_future(clients.run(CLIENTS))
        await until(versions.many)
        await asyncio.to_thread(shutil.copytree, tiny_store / "mood" / "2", store / "mood" / "2")
        copied = time.monotonic()
        await until(versions.changed)
        measured["tiny model: new version answers after its copy, s"] = (
            f"{time.monotonic() - copied:.2f}"
        )
        clients.stop()
        tally = await running
    assert (set(tally.statuses), tally.unanswered) == ({200}, 0)
    assert versions.seen == {1, 2}


async def test_a_corrupt_version_under_load_changes_nothing_and_is_reported(
    tiny_store: Path, store: Path
) -> None:
    with serving(store) as server, server.client() as client:
        versions = Versions()
        clients = Clients(server.url, calls(), versions)
        running = asyncio.ensure_future(clients.run(CLIENTS))
        await until(versions.many)
        broken = tiny_store.parent / f"broken-{store.parent.name}"
        shutil.copytree(tiny_store / "mood" / "2", broken)
        (broken / "model.fp32.onnx").write_bytes(
            b"\0" * (broken / "model.fp32.onnx").stat().st_size
        )
        shutil.move(broken, store / "mood" / "2")
        await asyncio.to_thread(server.wait_for_log, "version refused.*version=2")
        clients.stop()
        tally = await running
        failure = client.get("/v1/models/mood").json()["last_failure"]
        metrics = client.get("/metrics").text
    assert (set(tally.statuses), tally.unanswered) == ({200}, 0)
    assert versions.seen == {1}
    assert failure["version"] == 2
    assert "sha256" in failure["reason"]
    assert 'classmark_reloads_total{model="mood",outcome="failed"} 1.0' in metrics


async def test_sigterm_under_load_answers_every_accepted_request_and_exits_with_0(
    store: Path,
) -> None:
    with serving(store) as server:
        versions = Versions()
        running = asyncio.ensure_future(Clients(server.url, calls(), versions).run(CLIENTS))
        await until(versions.many)
        server.process.send_signal(signal.SIGTERM)
        tally = await running
        code = await asyncio.to_thread(server.process.wait, 60)
    assert (set(tally.statuses), tally.unanswered) == ({200}, 0)
    assert code == 0


async def test_a_client_that_leaves_does_not_disturb_the_others(server: Server) -> None:
    host, port = server.url.removeprefix("http://").split(":")
    call = Call.post("/v1/classify", {"model": "mood", "inputs": random_texts(100, seed=2)})
    for _ in range(20):
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(call.data)
        await writer.drain()
        writer.close()
    with server.client() as client:
        body = {"model": "mood", "inputs": "a good film"}
        assert client.post("/v1/classify", json=body).status_code == 200
        assert client.get("/health/ready").status_code == 200
