"""However a request ends, its trace says where it was; what it did not do is not in it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.trace import StatusCode

from app.tracing.tracing import Tracing
from tests.support.connection import BODY, Side, connected, later, until

pytestmark = pytest.mark.anyio


class Kept(SpanProcessor):
    """Keeps spans, instead of exporting them."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        self.spans.append(span)

    async def stages(self) -> list[tuple[str, Any, bool]]:
        """Wait for the request's span, the last; return name, error and failure of the others."""
        await until(lambda: bool(self.spans) and self.spans[-1].parent is None)
        return [
            (span.name, (span.attributes or {}).get("error.type"), span.status.status_code is
             StatusCode.ERROR)
            for span in self.spans[:-1]
        ]  # fmt: skip


@asynccontextmanager
async def traced(store: Path, **settings: Any) -> AsyncIterator[tuple[Side, Kept]]:
    kept = Kept()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("app.main.start_tracing", lambda metrics: Tracing(kept))
        async with connected(store, **settings) as side:
            yield side, kept


async def test_an_answer_from_the_cache_was_validated_and_no_more(tiny_store: Path) -> None:
    async with traced(tiny_store, cache_megabytes=1) as (side, kept):
        side.send()
        (await side.taken()).end()
        await side.read()
        assert [name for name, _, _ in await kept.stages()] == [
            *("validate", "encode", "queue", "decode")
        ]
        kept.spans.clear()
        side.send()
        await side.read()
        assert await kept.stages() == [("validate", None, False)]


async def test_a_request_refused_before_it_is_read_has_no_stage(tiny_store: Path) -> None:
    async with traced(tiny_store) as (side, kept):
        side.runner.full = True
        side.send()
        head, _ = await side.read()
        assert b" 429 " in head.splitlines()[0]
        assert await kept.stages() == []
        assert dict(kept.spans[-1].attributes or {})["http.response.status_code"] == 429


async def test_a_request_refused_as_it_is_queued_was_encoded(tiny_store: Path) -> None:
    async with traced(tiny_store) as (side, kept):
        side.runner.refusals = 1
        side.send()
        head, _ = await side.read()
        assert b" 429 " in head.splitlines()[0]
        assert [name for name, _, _ in await kept.stages()] == ["validate", "encode"]


async def test_a_client_that_leaves_was_in_the_queue(tiny_store: Path) -> None:
    async with traced(tiny_store) as (side, kept):
        side.send()
        await side.taken()
        side.writer.close()
        stages = await kept.stages()
        assert stages[-1] == ("queue", "499", False)


async def test_a_body_that_does_not_come_is_no_stage(tiny_store: Path) -> None:
    async with traced(tiny_store) as (side, kept):
        side.send(BODY[:5], len(BODY))
        await until(lambda: side.sample("requests_in_flight") == 1)
        later(side, 31.0)
        head, _ = await side.read()
        assert b" 408 " in head.splitlines()[0]
        assert await kept.stages() == []


async def test_what_is_not_understood_failed_as_it_was_validated(tiny_store: Path) -> None:
    async with traced(tiny_store) as (side, kept):
        side.send(b"{")
        head, answer = await side.read()
        assert b" 400 " in head.splitlines()[0]
        assert await kept.stages() == [("validate", "400", False)]
        context = kept.spans[-1].get_span_context()
        assert context is not None
        assert answer["trace_id"] == f"{context.trace_id:032x}"


async def test_a_model_that_fails_is_an_error_of_the_request_s_span(tiny_store: Path) -> None:
    async with traced(tiny_store) as (side, kept):
        side.send()
        (await side.taken()).end({0: "it broke"})
        head, _ = await side.read()
        assert b" 500 " in head.splitlines()[0]
        assert (await kept.stages())[-1] == ("decode", "500", True)
        assert kept.spans[-1].status.status_code is StatusCode.ERROR
