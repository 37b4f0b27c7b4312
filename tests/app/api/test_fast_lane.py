"""The short way of plain requests: what it leaves to the framework, and how it ends."""

import asyncio
import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import Response
from starlette.types import Message

from app.api.fast_lane import LANES
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

    asyncio.run(front(app)(scope(), receive, send))
    assert sent[0]["status"] == 499
    registry = app.state.service.metrics.registry
    assert registry.get_sample_value("classmark_rejections_total", {"reason": "cancelled"}) == 1


def test_what_nobody_foresaw_is_answered_as_a_bug_with_its_request_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: object) -> Response:
        raise ZeroDivisionError

    lane = dataclasses.replace(LANES["/v1/classify"], endpoint=broken)
    monkeypatch.setitem(LANES, lane.path, lane)
    app = create_app(Settings(model_store=tmp_path))
    sent: list[Message] = []

    async def receive() -> Message:
        body = b'{"model": "sentiment", "inputs": "a text nobody may find in the log"}'
        return {"type": "http.request", "body": body}

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(front(app)(scope(), receive, send))
    assert sent[0]["status"] == 500
    request_id = json.loads(sent[1]["body"])["request_id"]
    (record,) = [r for r in caplog.records if r.levelname == "ERROR"]
    assert record.__dict__["request_id"] == request_id
    assert "ZeroDivisionError" in caplog.text
    assert "a text nobody may find" not in caplog.text


def scope() -> dict[str, Any]:
    return {
        "type": "http",
        "method": "POST",
        "path": "/v1/classify",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json")],
    }
