"""A service whose models still load sends nobody away for good, or lets nobody in."""

import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.server import Server

TEXTS = {"inputs": ["a good film"]}
V2 = {"inputs": [{"name": "text", "datatype": "BYTES", "shape": [1], "data": ["a"]}]}
TASK = {"tasks": [{"id": 1, "data": {"text": "a"}}], "label_config": "<View/>"}
# A request to each API for a model that the store has.
ASKED: dict[str, dict[str, Any]] = {
    "/v1/classify": TEXTS | {"model": "mood"},
    "/v1/ner": TEXTS,
    "/tei/mood/predict": TEXTS,
    "/predict": TEXTS,
    "/models/mood": TEXTS,
    "/v2/models/mood/infer": V2,
    "/classify": {"model": "mood", "input": "a"},
    "/invocations": {"inputs": ["a"]},
    "/presidio/names/analyze": {"text": "a", "language": "en"},
    "/label-studio/mood/predict": TASK,
}
READ = (
    "/v2/models/mood", "/v2/models/mood/ready", "/v2/models/mood/config", "/tei/mood/info",
    "/tei/mood/health", "/info", "/health", "/health/ready", "/health/startup",
)  # fmt: skip


@contextmanager
def gated(store: Path, **settings: Any) -> Iterator[tuple[Server, Callable[[], int]]]:
    """Run a service whose models load once the function has been called."""
    gate = store.parent / "gate"
    os.mkfifo(gate)
    opened: list[int] = []

    def open_gate() -> int:
        opened.append(os.open(gate, os.O_RDWR))
        return opened[0]

    server = Server(store, Path(sys.executable), settings, module="tests.support.gated")
    try:
        yield server, open_gate
    finally:
        server.close()
        for one in opened:
            os.close(one)


@pytest.fixture(params=[1, 2])
def workers(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, store: Path) -> int:
    monkeypatch.setenv("GATE", str(store.parent / "gate"))
    count: int = request.param
    return count


def until_listed(client: httpx.Client) -> list[Any]:
    """Ask until the store has been listed; before, nobody is told that a model does not exist."""
    while True:
        answer = client.get("/v1/models")
        unknown = client.post("/v1/classify", json=TEXTS | {"model": "nobody"})
        if answer.status_code == 200:
            models: list[Any] = answer.json()["models"]
            return models
        assert (answer.status_code, unknown.status_code) == (503, 503) or unknown.status_code == 404


def test_a_model_of_the_store_is_503_and_never_404_until_it_serves(
    store: Path, workers: int
) -> None:
    with gated(store, workers=workers, drain_seconds=0) as (server, open_gate):
        with server.client() as client:
            models = until_listed(client)
            assert [(one["name"], one["status"]) for one in models] == [
                ("mood", "loading"),
                ("names", "loading"),
            ]
            for path, body in ASKED.items():
                refused = client.post(path, json=body)
                assert refused.status_code == 503, (path, refused.text)
                assert int(refused.headers["retry-after"]) >= 1
                kind = "application/problem+json" if path.startswith("/v1/") else "application/json"
                assert refused.headers["content-type"] == kind, path
                assert "being loaded; try again" in refused.json()["error"], path
            for path in READ:
                assert client.get(path).status_code == 503, path
            assert client.get("/health/live").status_code == 200
            assert client.get("/v1/models/mood").json()["status"] == "loading"
            index = client.post("/v2/repository/index").json()
            assert [one["state"] for one in index] == ["LOADING", "LOADING"]
            unknown = client.post("/v1/classify", json=TEXTS | {"model": "nobody"})
            assert unknown.status_code == client.get("/v1/models/nobody").status_code == 404
        open_gate()
        server.wait_for_log("started")
        with server.client() as client:
            assert client.post("/v1/classify", json=ASKED["/v1/classify"]).status_code == 200


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


def test_the_port_stays_shut_until_the_models_are_loaded_where_that_is_asked_for(
    store: Path, workers: int
) -> None:
    port = free_port()
    settings = {"workers": workers, "port": port, "wait_for_models": True, "drain_seconds": 0}
    with gated(store, **settings) as (server, open_gate):
        server.wait_for_log("port stays shut")
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), 10)
        open_gate()
        server.wait_for_log("listening")
        with server.client() as client:
            assert client.get("/health/ready").status_code == 200
            assert client.post("/v1/classify", json=ASKED["/v1/classify"]).status_code == 200


def test_sigterm_ends_a_service_that_still_waits_for_its_models(store: Path, workers: int) -> None:
    settings = {"workers": workers, "wait_for_models": True, "drain_seconds": 30}
    with gated(store, **settings) as (server, _):
        server.wait_for_log("port stays shut")
        assert server.terminate(20) == 0
        assert not any("listening" in line for line in server.log)
