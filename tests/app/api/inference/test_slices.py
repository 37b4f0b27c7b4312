"""A request of any number of inputs runs slice by slice, and ends as any other does."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from app.api.inference.job import InferenceJob
from app.errors import InvalidRequest, Overloaded
from tests.support.connection import FakePending, Side, connected, until

pytestmark = pytest.mark.anyio

CONFIG = (
    '<View><Text name="t" value="$text"/><Choices name="c" toName="t"><Choice value="negative"/>'
    '<Choice value="neutral"/><Choice value="positive"/></Choices></View>'
)


def ask(side: Side, texts: Sequence[str], config: str = CONFIG) -> None:
    tasks = [{"id": i, "data": {"text": text}} for i, text in enumerate(texts)]
    body = json.dumps({"tasks": tasks, "label_config": config}).encode()
    side.send(body, path="/label-studio/mood/predict")


def inputs(pending: FakePending) -> int:
    return len(pending._logits)


async def answered(side: Side, tasks: int) -> list[Any]:
    head, answer = await side.read()
    assert head.startswith(b"HTTP/1.1 200"), answer
    assert len(answer["results"]) == tasks
    assert side.sample("requests_in_flight") == 0
    return list(answer["results"])


@pytest.mark.parametrize("cache_megabytes", [0, 1])
async def test_slices_run_one_after_another_and_share_nothing(
    tiny_store: Path, cache_megabytes: int
) -> None:
    async with connected(tiny_store, max_inputs=2, cache_megabytes=cache_megabytes) as side:
        ask(side, ["a", "b", "c", "d", "e"])
        for size in (2, 2, 1):
            pending = await side.taken()
            assert inputs(pending) == size
            assert side.runner.taken.empty()
            pending.end()
            await asyncio.wait_for(pending.closed.wait(), 10)
        assert all(one["result"] for one in await answered(side, 5))
        assert side.sample("input_tokens_count", model="mood", version="2") == 5


async def test_what_the_cache_knows_is_not_run_again_and_keeps_its_place(tiny_store: Path) -> None:
    async with connected(tiny_store, max_inputs=2, cache_megabytes=1) as side:
        ask(side, ["a", "b", "c"])
        for _ in range(2):
            (await side.taken()).end()
        known = await answered(side, 3)
        ask(side, ["new", "a", "newer", "b", "newest", "c", ""])
        for size in (2, 1):
            pending = await side.taken()
            assert inputs(pending) == size
            pending.end()
        again = await answered(side, 7)
        assert again[1:6:2] == known
        assert again[6]["result"] == []
        ask(side, ["a", "b", "c"])
        assert await answered(side, 3) == known
        assert side.runner.taken.empty()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"c"', '"other"'),
        ('"t"', '"other"'),
        ('value="negative"', 'value="other" predicted_values="negative"'),
    ],
)
async def test_what_the_cache_knows_of_one_project_is_not_told_to_another(
    tiny_store: Path, old: str, new: str
) -> None:
    async with connected(tiny_store, cache_megabytes=1) as side:
        ask(side, ["a"])
        (await side.taken()).end()
        known = await answered(side, 1)
        ask(side, ["a"], CONFIG.replace(old, new))
        (await side.taken()).end()
        assert await answered(side, 1) != known


async def test_a_client_that_leaves_midway_takes_the_rest_along(tiny_store: Path) -> None:
    async with connected(tiny_store, max_inputs=1) as side:
        ask(side, ["a", "b", "c"])
        (await side.taken()).end()
        second = await side.taken()
        side.writer.close()
        await asyncio.wait_for(second.closed.wait(), 10)
        second.end()
        await until(lambda: side.sample("rejections_total", reason="cancelled") == 1)
        assert side.sample("requests_in_flight") == 0
        assert side.runner.taken.empty()


async def test_a_client_that_leaves_while_a_slice_waits_for_room_is_not_waited_for(
    tiny_store: Path,
) -> None:
    async with connected(tiny_store, max_inputs=1) as side:
        ask(side, ["a", "b"])
        first = await side.taken()
        side.runner.refusals = 1_000_000
        first.end()
        await until(lambda: side.runner.refusals < 1_000_000)
        side.writer.close()
        await until(lambda: side.sample("rejections_total", reason="cancelled") == 1)
        left = side.runner.refusals
        await asyncio.sleep(0.05)  # several times as long as a refused slice waits
        assert side.runner.refusals == left


async def test_a_full_queue_puts_a_slice_off_and_loses_nothing(tiny_store: Path) -> None:
    async with connected(tiny_store, max_inputs=1) as side:
        side.runner.refusals = 2
        ask(side, ["a", "b"])
        first = await side.taken()
        side.runner.refusals = 3
        first.end()
        (await side.taken()).end()
        assert side.runner.refusals == 0
        assert all(one["result"] for one in await answered(side, 2))
        assert side.sample("rejections_total", reason="overload") in (None, 0)


async def test_an_engine_elsewhere_refuses_later_and_puts_the_slice_off_too(
    tiny_store: Path,
) -> None:
    async with connected(tiny_store, max_inputs=1) as side:
        ask(side, ["a", "b"])
        (await side.taken()).end()
        refused = await side.taken()
        refused._error = Overloaded("the queue has grown", retry_after_seconds=0.01)
        refused.end()
        (await side.taken()).end()
        assert refused.closed.is_set()
        assert all(one["result"] for one in await answered(side, 2))


async def test_long_texts_wait_for_a_thread_too(
    tiny_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusals = [Overloaded("no thread is free", retry_after_seconds=0.01)] * 2

    def refuse(*_: object) -> None:
        if refusals:
            raise refusals.pop()

    async with connected(tiny_store) as side:
        monkeypatch.setattr(side.service.text_pool, "check_admission", refuse)
        ask(side, ["word " * 1000])
        (await side.taken()).end()
        await answered(side, 1)
        assert not refusals


async def test_a_queue_that_stays_full_refuses_at_the_deadline(tiny_store: Path) -> None:
    async with connected(tiny_store, max_inputs=1) as side:
        ask(side, ["a", "b"])
        first = await side.taken()
        side.runner.refusals = 1_000_000
        first.end()
        await until(lambda: side.runner.refusals < 999_998)
        side.runner.time.now += 94.0
        refusals = side.runner.refusals
        await until(lambda: side.runner.refusals < refusals)
        side.runner.time.now += 2.0
        head, problem = await side.read()
        assert head.startswith(b"HTTP/1.1 429")
        assert problem["error"] == "the queue is full; come back at once"
        assert side.sample("requests_in_flight") == 0


@pytest.mark.parametrize("cache_megabytes", [0, 1])
async def test_a_request_that_finds_the_queue_full_at_its_start_is_refused_at_once(
    tiny_store: Path, cache_megabytes: int
) -> None:
    async with connected(tiny_store, cache_megabytes=cache_megabytes) as side:
        side.runner.full = True
        ask(side, ["a"])
        head, _ = await side.read()
        assert head.startswith(b"HTTP/1.1 429")


async def test_other_requests_are_never_put_off(tiny_store: Path) -> None:
    async with connected(tiny_store) as side:
        side.runner.refusals = 1
        side.send()
        head, _ = await side.read()
        assert head.startswith(b"HTTP/1.1 429")


async def test_any_number_of_slices_that_fail_at_once_ends(
    tiny_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise InvalidRequest("no")

    monkeypatch.setattr(InferenceJob, "_encode", fail)
    async with connected(tiny_store, max_inputs=1) as side:
        ask(side, ["a"] * 2000)
        assert not any(one["result"] for one in await answered(side, 2000))


async def test_a_slice_that_the_model_fails_on_is_answered_without_its_result(
    tiny_store: Path,
) -> None:
    async with connected(tiny_store, max_inputs=2) as side:
        ask(side, ["a", "b", "c"])
        (await side.taken()).end({1: "poison"})
        (await side.taken()).end()
        found = [bool(one["result"]) for one in await answered(side, 3)]
        assert found == [True, False, True]
