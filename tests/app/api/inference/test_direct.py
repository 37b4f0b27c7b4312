"""How an inference request ends when its client leaves, something breaks, or the service stops."""

import asyncio
import gc
import hashlib
import json
import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from app.api.inference.job import InferenceJob
from app.engine.interface import RunResult
from app.engine.models.servable import Servable
from app.schemas.problems import Problem
from tests.support.connection import BODY, COST_SECONDS, TEXT, Side, connected, until

pytestmark = pytest.mark.anyio

LONG_BODY = json.dumps({"model": "mood", "inputs": "word " * 1000}).encode()


async def test_a_request_is_answered_when_its_run_ends(tiny_store: Path) -> None:
    async with connected(tiny_store) as side:
        side.send()
        pending = await side.taken()
        assert side.sample("requests_in_flight") == 1
        pending.end()
        head, answer = await side.read()
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert len(answer["results"]) == 1
        assert pending.closed.is_set()
        assert side.sample("requests_in_flight") == 0
        labels = {"route": "/v1/classify", "model": "mood", "version": "2", "status": "200"}
        assert side.sample("requests_total", **labels) == 1


async def test_a_client_that_leaves_takes_its_request_out_of_the_queue(tiny_store: Path) -> None:
    async with connected(tiny_store) as side:
        side.send()
        pending = await side.taken()
        side.writer.close()
        await asyncio.wait_for(pending.closed.wait(), 10)
        assert side.sample("rejections_total", reason="cancelled") == 1
        assert side.sample("requests_in_flight") == 0
        pending.end()  # its run ends all the same, and nobody is there


async def test_a_client_that_leaves_while_it_sends_its_body_is_counted_and_is_no_bug(
    tiny_store: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with connected(tiny_store) as side:
        side.send(BODY[:10], len(BODY))
        await until(lambda: side.sample("requests_in_flight") == 1)
        side.writer.close()
        await until(lambda: side.sample("rejections_total", reason="cancelled") == 1)
        assert side.sample("requests_in_flight") == 0
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.parametrize("body", [BODY, b"{", b'{"model": "mood", "inputs": ""}'])
async def test_what_is_refused_before_it_is_read_counts_for_the_only_model_of_the_route(
    tiny_store: Path, body: bytes
) -> None:
    async with connected(tiny_store) as side:
        side.runner.full = body == BODY
        side.send(body)
        head, problem = await side.read()
        status = str(problem["status"])
        assert status in ("400", "422", "429")
        assert (b"retry-after: 3" in head) is (status == "429")
        labels = {"route": "/v1/classify", "model": "mood", "version": ""}
        assert side.sample("requests_total", **labels, status=status) == 1
        assert side.sample("request_seconds_count", **labels, status_class="4xx") == 1


async def test_admission_is_asked_with_what_bodies_of_that_size_have_cost(
    tiny_store: Path,
) -> None:
    async with connected(tiny_store) as side:
        for _ in range(2):
            side.send()
            (await side.taken()).end()
            await side.read()
        assert side.runner.costs == [0.0, pytest.approx(COST_SECONDS)]


async def test_the_log_of_a_request_has_the_name_of_its_key_and_never_the_key(
    tiny_store: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keys = tmp_path / "keys"
    keys.write_text(f"website admin {hashlib.sha256(b'a-key').hexdigest()}\n")
    caplog.set_level(logging.DEBUG, "app.api.request_log")
    async with connected(tiny_store, api_keys_file=keys) as side:
        side.send(headers="Authorization: Bearer a-key\r\n")
        head, _ = await side.read()
        assert head.startswith(b"HTTP/1.1 403")
    (record,) = [one for one in caplog.records if one.message == "request"]
    assert vars(record)["key"] == "website"
    assert "a-key" not in str(vars(record))


class SlowTokenizer:
    """Holds up the encoding of a long text until a test lets it go."""

    def __init__(self, servable: Servable) -> None:
        self._tokenizer = servable.tokenizer
        self.entered, self.gate = threading.Event(), threading.Event()

    def encode(self, *arguments: Any) -> Any:
        self.entered.set()
        assert self.gate.wait(30)
        return self._tokenizer.encode(*arguments)


@asynccontextmanager
async def encoding_slowly(store: Path) -> AsyncIterator[tuple[Side, SlowTokenizer]]:
    async with connected(store) as side:
        servable = side.service.registry.resolve("mood", "sequence-classification")
        slow = servable.tokenizer = SlowTokenizer(servable)  # type: ignore[assignment]
        try:
            yield side, slow
        finally:
            slow.gate.set()


async def test_a_client_that_leaves_while_its_long_text_is_encoded_never_reaches_the_engine(
    tiny_store: Path,
) -> None:
    async with encoding_slowly(tiny_store) as (side, slow):
        side.send(LONG_BODY)
        assert await asyncio.to_thread(slow.entered.wait, 10)
        side.writer.close()
        await until(lambda: side.sample("rejections_total", reason="cancelled") == 1)
        slow.gate.set()
        await until(lambda: side.service.text_pool.expected_wait_seconds == 0)
        await asyncio.sleep(0)
        assert side.runner.taken.empty()


async def test_a_long_text_that_is_encoded_past_its_deadline_is_answered_at_its_deadline(
    tiny_store: Path,
) -> None:
    async with encoding_slowly(tiny_store) as (side, _):
        side.send(LONG_BODY, headers="X-Request-Timeout-Seconds: 0.05\r\n")
        head, answer = await side.read()
        assert head.startswith(b"HTTP/1.1 504 ")
        assert "allow more time" in answer["detail"]


async def test_long_tagged_texts_are_decoded_beside_the_event_loop(
    tiny_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[threading.Thread] = []
    decode = InferenceJob.decode

    def noting_decode(job: InferenceJob, run: RunResult) -> None:
        threads.append(threading.current_thread())
        decode(job, run)

    monkeypatch.setattr(InferenceJob, "decode", noting_decode)
    async with connected(tiny_store) as side:
        for text, aside in (("paris", False), ("paris is great " * 700, True)):
            body = json.dumps({"inputs": text, "long_text": "window"}).encode()
            side.send(body, path="/v1/ner")
            (await side.taken()).end()
            head, answer = await side.read()
            assert head.startswith(b"HTTP/1.1 200 "), answer
            assert (threads[-1] is not threading.main_thread()) == aside


async def test_overload_is_refused_with_the_time_to_come_back(tiny_store: Path) -> None:
    async with connected(tiny_store) as side:
        side.runner.full = True
        side.send()
        head, answer = await side.read()
        assert head.startswith(b"HTTP/1.1 429 Too Many Requests\r\n")
        assert b"\r\nretry-after: 3\r\n" in head
        assert b"\r\ncontent-type: application/problem+json" in head
        assert Problem.model_validate(answer).detail == "the queue is full; come back later"
        side.runner.full = False
        side.send()
        (await side.taken()).end()
        assert (await side.read())[0].startswith(b"HTTP/1.1 200")


async def test_overload_is_refused_before_the_body_is_read(tiny_store: Path) -> None:
    async with connected(tiny_store) as side:
        side.runner.full = True
        side.send(b'{"inputs": 1}')
        assert (await side.read())[0].startswith(b"HTTP/1.1 429")
        side.runner.full = False
        side.send(b'{"inputs": 1}')
        head, answer = await side.read()
        assert head.startswith(b"HTTP/1.1 422")
        assert Problem.model_validate(answer).errors


async def test_what_the_cache_has_is_answered_even_in_overload(tiny_store: Path) -> None:
    async with connected(tiny_store, cache_megabytes=1) as side:
        side.send()
        (await side.taken()).end()
        _, first = await side.read()
        side.runner.full = True
        side.send()
        assert (await side.read())[1] == first
        side.send(json.dumps({"model": "mood", "inputs": "another"}).encode())
        assert (await side.read())[0].startswith(b"HTTP/1.1 429")


async def test_what_nobody_foresaw_is_answered_as_a_bug_with_its_request_id(
    tiny_store: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("app.api.inference.routes.make_task", broken)
    async with connected(tiny_store) as side:
        side.send()
        head, answer = await side.read()
    assert head.startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
    (record,) = [r for r in caplog.records if r.levelname == "ERROR"]
    assert record.__dict__["request_id"] == answer["request_id"]
    assert "ZeroDivisionError" in caplog.text
    assert TEXT not in caplog.text


async def test_a_request_under_way_is_answered_before_a_stopping_server_closes(
    tiny_store: Path,
) -> None:
    async with connected(tiny_store) as side:
        side.send()
        pending = await side.taken()
        for connection in side.state.connections:
            connection.shutdown()
        pending.end()
        head, _ = await side.read()
        assert b"\r\nconnection: close\r\n" in head
        assert await side.rest() == b""


async def test_draining_asks_clients_to_leave(tiny_store: Path) -> None:
    async with connected(tiny_store) as side:
        side.service.lifecycle.draining = True
        side.send()
        (await side.taken()).end()
        assert b"\r\nconnection: close\r\n" in (await side.read())[0]
        assert await side.rest() == b""


async def test_a_client_that_reads_no_answers_waits_until_it_does(tiny_store: Path) -> None:
    async with connected(tiny_store) as side:
        (connection,) = side.state.connections
        connection.pause_writing()  # as the transport does when its buffer is full
        side.send()
        await until(lambda: side.sample("requests_in_flight") == 1)
        await side.writer.drain()
        assert side.runner.taken.empty()
        connection.resume_writing()
        (await side.taken()).end()
        assert (await side.read())[0].startswith(b"HTTP/1.1 200")


async def test_an_answered_request_leaves_no_cycle_to_the_collector(tiny_store: Path) -> None:
    async with connected(tiny_store) as side:
        side.send()
        (await side.taken()).end()
        await side.read()
        gc.collect()
        gc.disable()
        try:
            for _ in range(5):
                side.send()
                (await side.taken()).end()
                await side.read()
            side.writer.close()
            await until(lambda: not side.state.connections)
            names = {type(one).__name__ for one in gc.get_objects()}
            assert not names & {"DirectRequest", "InferenceJob", "EncodedInput"}
        finally:
            gc.enable()
