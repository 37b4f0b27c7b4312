"""The service answers under another ASGI server as it does under its own."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any

import httpx
import pytest
import uvicorn
from classmark_ray.asgi import InferenceApp

from app.engine.backends.base import Session
from app.engine.backends.onnxruntime import OnnxRuntimeBackend
from app.main import create_app
from app.settings.settings import Settings
from tests.deploy.ray.asking import answers
from tests.deployment.prometheus import wait_until
from tests.support.server import Server


@pytest.fixture
def elsewhere(tiny_store: Path) -> Iterator[httpx.Client]:
    """A client of plain uvicorn."""
    app = InferenceApp(create_app(Settings(model_store=tiny_store, executors=1)))
    host = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None))
    thread = Thread(target=host.run)
    thread.start()
    try:
        assert wait_until(lambda: host.started, 60)
        port = host.servers[0].sockets[0].getsockname()[1]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            yield client
    finally:
        host.should_exit = True
        thread.join()


def test_it_answers_from_the_first_request_on_as_under_its_own_server(
    elsewhere: httpx.Client, server: Server
) -> None:
    found = answers(elsewhere)
    with server.client() as client:
        assert found == answers(client)
    assert found[0][0] == 200
    assert 'route="/v1/classify"' in elsewhere.get("/metrics").text


class SlowBackend(OnnxRuntimeBackend):
    """Loads once it may."""

    def __init__(self) -> None:
        super().__init__(1)
        self.begun, self.may_load = Event(), Event()

    def load(self, *given: Any) -> Session:
        self.begun.set()
        assert self.may_load.wait(60)
        return super().load(*given)


@pytest.mark.anyio
async def test_its_host_is_told_that_it_has_started_once_the_models_are_loaded(
    tiny_store: Path,
) -> None:
    backend = SlowBackend()
    app = InferenceApp(create_app(Settings(model_store=tiny_store, executors=1), backend))
    came: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    sent: asyncio.Queue[Any] = asyncio.Queue()
    running = asyncio.create_task(app({"type": "lifespan", "state": {}}, came.get, sent.put))
    came.put_nowait({"type": "lifespan.startup"})
    assert await asyncio.to_thread(backend.begun.wait, 60)
    assert sent.empty()
    backend.may_load.set()
    assert (await asyncio.wait_for(sent.get(), 60))["type"] == "lifespan.startup.complete"
    came.put_nowait({"type": "lifespan.shutdown"})
    await asyncio.wait_for(running, 60)


@pytest.mark.anyio
async def test_a_client_that_leaves_takes_its_request_along(tiny_store: Path) -> None:
    app = create_app(Settings(model_store=tiny_store, executors=1))
    sent: list[dict[str, Any]] = []
    came = iter(
        [
            {"type": "http.request", "body": b'{"inputs": ', "more_body": True},
            {"type": "http.disconnect"},
        ]
    )

    async def receive() -> dict[str, Any]:
        return next(came)

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/v1/classify", "headers": []}
    await asyncio.wait_for(InferenceApp(app)(scope, receive, send), 10)
    assert "the client closed the connection" in json.loads(sent[1]["body"])["detail"]
