"""A service with an engine that ends nothing by itself, and one connection to it."""

import asyncio
import dataclasses
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import uvicorn
from uvicorn.server import ServerState

from app.api.connection.protocol import Protocol
from app.api.connection.server import max_connections
from app.api.connection.turns import Turns
from app.api.dialects.registry import make_routes
from app.engine.batching.scheduler import Clock
from app.engine.interface import Engine, PendingRun, RunRequest, RunResult
from app.engine.models.servable import Servable
from app.engine.text.encoding import Encoding, Logits
from app.errors import InferenceFailed, Overloaded
from app.main import create_app, with_middleware
from app.service import Service
from app.settings.settings import Settings
from tests.support.fakes import FakeClock

TEXT = "a text nobody may find in the log"
# What every run costs.
COST_SECONDS = 0.5
HEAD = b"POST /v1/classify HTTP/1.1\r\nContent-Type: application/json\r\n"
PROBE = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"
BODY = json.dumps({"model": "mood", "inputs": TEXT}).encode()


class FakePending(PendingRun):
    """Ends when it is told to."""

    def __init__(self, logits: list[Logits], on_done: Callable[[], None]) -> None:
        super().__init__(30.0, on_done)
        self._logits = logits
        self._failures: dict[int, InferenceFailed] = {}
        self.closed = asyncio.Event()

    def end(self, failures: Mapping[int, str] = MappingProxyType({})) -> None:
        self._failures = {at: InferenceFailed(reason) for at, reason in failures.items()}
        self._finish()

    def _read(self) -> RunResult:
        return RunResult(self._logits, 0.0, 0.0, COST_SECONDS, self._failures)

    def _drop(self) -> None:
        self.closed.set()


class FakeEngine(Engine):
    """Takes everything and ends nothing by itself."""

    def __init__(self) -> None:
        self.taken: asyncio.Queue[FakePending] = asyncio.Queue()
        self.full = self.ends_at_once = False
        self.costs: list[float] = []
        self.time = FakeClock()
        self.refusals = 0  # so many submissions are refused next

    @property
    def clock(self) -> Clock:
        return self.time

    @property
    def expected_wait_seconds(self) -> float:
        return 0.0

    def check_admission(self, deadline: float, cost_seconds: float) -> None:
        self.costs.append(cost_seconds)
        if self.full:
            raise Overloaded("the queue is full; come back later", retry_after_seconds=3)

    def unready_reason(self) -> str | None:
        return None

    def submit(
        self,
        servable: Servable,
        encodings: Sequence[Encoding],
        deadline: float,
        on_done: Callable[[], None],
        trace: bytes = b"",
    ) -> FakePending:
        if self.refusals:
            self.refusals -= 1
            raise Overloaded("the queue is full; come back at once", retry_after_seconds=0.01)
        labels = len(servable.manifest.labels)
        per_token = servable.manifest.task == "token-classification"
        shapes = [(one.tokens, labels) if per_token else (labels,) for one in encodings]
        pending = FakePending([np.zeros(shape, dtype=np.float32) for shape in shapes], on_done)
        self.taken.put_nowait(pending)
        if self.ends_at_once:
            asyncio.get_running_loop().call_soon(pending.end)
        return pending

    def submit_together(
        self, requests: Sequence[RunRequest], deadline: float, trace: bytes = b""
    ) -> list[FakePending]:
        return [self.submit(one.servable, one.encodings, deadline, one.on_done) for one in requests]


@dataclasses.dataclass
class Side:
    """A service without an engine of its own, and one connection to it."""

    service: Service
    runner: FakeEngine
    state: ServerState
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @property
    def url(self) -> str:
        host, port = self.writer.get_extra_info("peername")
        return f"http://{host}:{port}"

    def send(
        self,
        body: bytes = BODY,
        length: int | None = None,
        path: str = "/v1/classify",
        headers: str = "",
    ) -> None:
        head = (
            f"POST {path} HTTP/1.1\r\nContent-Type: application/json\r\n{headers}"
            f"Content-Length: {length or len(body)}\r\n\r\n"
        )
        self.writer.write(head.encode() + body)

    async def taken(self) -> FakePending:
        return await asyncio.wait_for(self.runner.taken.get(), 10)

    async def read(self) -> tuple[bytes, Any]:
        head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 10)
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        return head, json.loads(await self.reader.readexactly(length))

    async def rest(self) -> bytes:
        """Read until the server closes the connection."""
        return await asyncio.wait_for(self.reader.read(), 10)

    def sample(self, name: str, **labels: str) -> float | None:
        return self.service.metrics.registry.get_sample_value(f"classmark_{name}", labels)


@asynccontextmanager
async def connected(store: Path, **settings: Any) -> AsyncIterator[Side]:
    app = create_app(Settings(model_store=store, watch=False, **settings))
    runner = FakeEngine()
    service = dataclasses.replace(app.state.service, engine=runner)
    app.state.service = service
    await service.registry.scan()
    state = ServerState()
    config = uvicorn.Config(
        with_middleware(app), timeout_keep_alive=1000
    )  # only what a test does closes
    own = max_connections(service.settings), Turns(5.0), make_routes(service.settings)
    make = partial(Protocol, service, *own, config=config, server_state=state, app_state={})
    server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0)
    try:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        yield Side(service, runner, state, reader, writer)
        writer.close()
    finally:
        server.close()


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came true")


def later(side: Side, seconds: float) -> None:
    """Sweep the connections as if so much time had passed."""
    now = asyncio.get_running_loop().time() + seconds
    for connection in tuple(side.state.connections):
        connection.sweep(now)  # type: ignore[union-attr]


async def connection_of(side: Side) -> None:
    await until(lambda: len(side.state.connections) == 1)
