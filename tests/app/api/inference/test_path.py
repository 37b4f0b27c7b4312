"""The way of a request through the code is the one that the architecture page describes."""

import asyncio
import json
import re
import sys
import threading
from functools import partial
from pathlib import Path
from types import FrameType

import pytest
import uvicorn
from uvicorn.server import ServerState

from app.api.connection.protocol import Protocol
from app.api.connection.server import max_connections
from app.api.connection.turns import Turns
from app.api.dialects.registry import make_routes
from app.main import create_app
from app.settings.settings import Settings

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parents[4]
MOST_MODULES = 15


def described() -> list[str]:
    """Return the modules that docs/architecture.md names, in its order."""
    text = (ROOT / "docs" / "architecture.md").read_text()
    named = text.partition("(a test follows one):")[2].partition("Those hand it on")[0]
    modules: list[str] = []
    folder = ""
    for name in re.findall(r"`([\w/]+)`", named):
        folder = name.rpartition("/")[0] or folder  # a bare name stands in the folder before it
        known = [module for module in modules if module.rpartition("/")[2] == name]
        modules += known or [f"{folder}/{name.rpartition('/')[2]}"]
    return list(dict.fromkeys(modules))


class Trace:
    """Notes the modules of the service in the order in which a function of each first runs."""

    def __init__(self) -> None:
        self.modules: dict[str, None] = {}
        self.on = False

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        folder, _, module = frame.f_code.co_filename.rpartition("/app/")
        if self.on and event == "call" and Path(folder) == ROOT:
            self.modules.setdefault(module.removesuffix(".py"))


async def test_a_short_text_is_handed_through_the_modules_that_the_architecture_names(
    tiny_store: Path,
) -> None:
    trace = Trace()
    threading.setprofile(trace)  # before the executors start
    try:
        app = create_app(Settings(model_store=tiny_store, watch=False, executors=1))
        service = app.state.service
        async with app.router.lifespan_context(app):
            await service.registry.scan()  # waits for the one that the start began
            config = uvicorn.Config(app)
            own = max_connections(service.settings), Turns(5.0), make_routes(service.settings)
            state = ServerState()
            make = partial(Protocol, service, *own, config=config, server_state=state, app_state={})
            server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0)
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            body = json.dumps({"model": "mood", "inputs": "a good film"}).encode()
            head = (
                "POST /v1/classify HTTP/1.1\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\n\r\n"
            )
            trace.on = True
            sys.setprofile(trace)
            writer.write(head.encode() + body)
            answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
            sys.setprofile(None)
            trace.on = False
            assert answer.startswith(b"HTTP/1.1 200")
            writer.close()
            server.close()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type]
    expected = described()
    assert [module for module in trace.modules if module in expected] == expected
    assert len(expected) <= MOST_MODULES
