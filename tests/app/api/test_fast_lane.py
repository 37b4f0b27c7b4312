"""The short way of plain requests: what it leaves to the framework, and how it ends."""

import asyncio
from pathlib import Path

from starlette.types import Message

from app.main import create_app, front
from app.settings import Settings


def test_a_client_that_leaves_while_it_sends_its_body_is_counted_and_is_no_bug(
    tmp_path: Path,
) -> None:
    app = create_app(Settings(model_store=tmp_path))
    sent: list[Message] = []
    parts: list[Message] = [
        {"type": "http.request", "body": b'{"inputs":', "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Message:
        return parts.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/classify",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json")],
    }
    asyncio.run(front(app)(scope, receive, send))
    assert sent[0]["status"] == 499
    registry = app.state.service.metrics.registry
    assert registry.get_sample_value("classmark_rejections_total", {"reason": "cancelled"}) == 1
