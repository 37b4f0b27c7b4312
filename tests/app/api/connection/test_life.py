"""Every wait for a client has an end, and what a connection sends has a limit."""

import asyncio
import json
import logging
from pathlib import Path

import httpx
import pytest

from app.schemas.problems import Problem
from tests.support.connection import BODY, HEAD, Side, connected, connection_of, later, until

pytestmark = pytest.mark.anyio

OFFER = (
    b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
    b"HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\n"
)


async def read_problem(side: Side, status: int) -> str:
    head, answer = await side.read()
    assert head.startswith(f"HTTP/1.1 {status} ".encode()), head
    assert b"application/problem+json" in head
    return Problem.model_validate(answer).detail


async def test_a_connection_that_says_nothing_is_closed(tiny_store: Path) -> None:
    async with connected(tiny_store) as side:
        await connection_of(side)
        later(side, 9.9)
        assert len(side.state.connections) == 1
        later(side, 10.1)
        assert await side.rest() == b""


@pytest.mark.parametrize("part", [b"GET /health/live HT", b"\r\n\r\n", HEAD])
async def test_half_a_head_is_answered_408_and_closed(tiny_store: Path, part: bytes) -> None:
    async with connected(tiny_store) as side:
        await connection_of(side)
        side.writer.write(part)
        (connection,) = side.state.connections
        await until(lambda: connection._head_bytes > 0)  # type: ignore[union-attr]
        later(side, 10.1)
        assert "did not come whole within 10 s" in await read_problem(side, 408)
        assert await side.rest() == b""


async def test_half_a_body_is_answered_408_at_the_requests_own_time_and_closed(
    tiny_store: Path,
) -> None:
    async with connected(tiny_store) as side:
        side.send(BODY[:5], len(BODY), headers="X-Request-Timeout-Seconds: 3\r\n")
        await until(lambda: side.sample("requests_in_flight") == 1)
        later(side, 2.9)
        assert len(side.state.connections) == 1
        later(side, 3.1)
        assert "did not come whole within 3 s" in await read_problem(side, 408)
        assert await side.rest() == b""
        assert side.sample("requests_in_flight") == 0


async def test_a_body_that_drips_ends_by_the_same_limit(tiny_store: Path) -> None:
    async with connected(tiny_store) as side:
        side.send(BODY[:5], len(BODY))
        await until(lambda: side.sample("requests_in_flight") == 1)
        later(side, 29)
        side.writer.write(BODY[5:6])
        await asyncio.sleep(0)
        later(side, 30.1)
        assert "30 s" in await read_problem(side, 408)
        side.writer.write(BODY[6:7])  # it goes on, and has all the same read the answer
        later(side, 33)
        assert await side.rest() == b""


async def test_half_a_body_for_the_framework_ends_too(tiny_store: Path) -> None:
    async with connected(tiny_store) as side:
        side.writer.write(
            b"POST /v1/models/mood/reload HTTP/1.1\r\nContent-Type: application/json\r\n"
            b"Content-Length: 100\r\n\r\n{"
        )
        await connection_of(side)
        (connection,) = side.state.connections
        await until(lambda: connection._body_since is not None)  # type: ignore[union-attr]
        later(side, 30.1)
        await until(lambda: not side.state.connections)


@pytest.mark.parametrize("in_pieces", [False, True])
async def test_a_head_over_the_limit_is_answered_431_and_not_kept(
    tiny_store: Path, in_pieces: bool
) -> None:
    async with connected(tiny_store) as side:
        side.writer.write(b"GET /health/live HTTP/1.1\r\nX-A: ")
        for _ in range(5):
            side.writer.write(b"a" * 8192)
            if in_pieces:
                await side.writer.drain()
                await asyncio.sleep(0.01)
        side.writer.write(b"\r\n\r\n")
        assert "over 32768 bytes" in await read_problem(side, 431)


async def test_connections_over_the_limit_are_told_so(tiny_store: Path) -> None:
    async with connected(tiny_store, max_connections=1) as side:
        await connection_of(side)
        reader, writer = await asyncio.open_connection(*side.writer.get_extra_info("peername"))
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
        assert head.startswith(b"HTTP/1.1 503 ")
        writer.close()
        side.send()
        (await side.taken()).end()
        assert (await side.read())[0].startswith(b"HTTP/1.1 200 ")


async def test_a_client_that_has_said_all_is_answered_and_then_left(tiny_store: Path) -> None:
    async with connected(tiny_store) as side:
        side.send()
        side.writer.write_eof()
        (await side.taken()).end()
        head, _ = await side.read()
        assert head.startswith(b"HTTP/1.1 200 ")
        assert await side.rest() == b""


async def test_a_client_that_ends_within_its_body_is_gone(tiny_store: Path) -> None:
    async with connected(tiny_store) as side:
        side.send(BODY[:5], len(BODY))
        side.writer.write_eof()
        await until(lambda: side.sample("rejections_total", reason="cancelled") == 1)
        assert await side.rest() == b""


async def test_an_answer_that_is_never_read_is_given_up(tiny_store: Path) -> None:
    async with connected(tiny_store) as side:
        await connection_of(side)
        (connection,) = side.state.connections
        connection.pause_writing()  # as the transport does when its buffer is full
        later(side, 29.0)
        assert len(side.state.connections) == 1
        later(side, 31.0)
        await until(lambda: not side.state.connections)


@pytest.mark.parametrize("chunked", [False, True])
async def test_an_offer_of_another_protocol_is_ignored(tiny_store: Path, chunked: bool) -> None:
    async with connected(tiny_store) as side:
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY) if chunked else BODY
        length = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % len(BODY)
        request = HEAD + OFFER + length + b"\r\n\r\n" + body
        for piece in (request[:-7], request[-7:] + request):  # and a second one behind it
            side.writer.write(piece)
            await side.writer.drain()
            await asyncio.sleep(0.01)
        for _ in range(2):
            (await side.taken()).end()
            head, answer = await side.read()
            assert head.startswith(b"HTTP/1.1 200 ")
            assert b"connection: close" not in head
            assert len(answer["results"]) == 1


async def test_bytes_that_are_no_request_are_a_problem_that_is_counted(
    tiny_store: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with connected(tiny_store) as side:
        side.writer.write(bytes.fromhex("1603010200010001fc0303") + bytes(40))
        assert "speak plain HTTP" in await read_problem(side, 400)
        assert side.sample("rejections_total", reason="invalid") == 1
    (record,) = [one for one in caplog.records if one.message == "connection refused"]
    assert record.__dict__["peer"] == "127.0.0.1"


async def test_a_client_that_pipelines_and_leaves_is_no_error(
    tiny_store: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with connected(tiny_store) as side:
        probe = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"
        side.send()
        side.writer.write(probe * 3 + HEAD + b"Content-Length: 2\r\n\r\n{}")
        pending = await side.taken()
        side.writer.close()
        pending.end()  # whatever is answered now meets a client that has gone
        await until(lambda: not side.state.connections)
        await until(lambda: side.sample("requests_in_flight") == 0)
    assert not [one for one in caplog.records if one.levelno >= logging.WARNING]


async def test_wrong_items_by_the_thousand_are_refused_by_the_first(tiny_store: Path) -> None:
    async with connected(tiny_store) as side:
        for body, found in (
            (b'{"model":"mood","inputs":[' + b"1," * 500_000 + b"1]}", "inputs.0"),
            (b'{"model":"mood","inputs":[' + b'"",' * 300_000 + b'""]}', "inputs.0"),
            (b'{"model":"mood","inputs":[' + b"{}," * 300_000 + b"{}]}", "inputs.0.text"),
            (b"{%b}" % b",".join(b'"%d":1' % n for n in range(90_000)), "fields, the limit is"),
        ):
            side.send(body)
            detail = await read_problem(side, 422)
            assert found in detail
            assert "problems in all" not in detail, "the first is enough"
            assert len(detail) < 200


async def test_refusals_repeat_no_more_of_a_request_than_shows_what_is_meant(
    tiny_store: Path,
) -> None:
    async with connected(tiny_store) as side:
        for status, body in (
            (404, {"model": "m" * 500_000, "inputs": "a"}),
            (422, {"model": "mood", "inputs": "a", "k" * 500_000: 1}),
        ):
            side.send(json.dumps(body).encode())
            assert len(await read_problem(side, status)) < 400
        side.send(json.dumps({"inputs": "a", "labels": ["x"] * 20_000}).encode(), path="/v1/ner")
        assert len(await read_problem(side, 422)) < 400


@pytest.mark.parametrize(
    ("content_type", "body", "status", "found"),
    [
        (b"text/json", BODY, 415, "the content type is 'text/json'"),
        (b"application/json", b"", 400, "it is empty"),
        (b"application/json", b'{"inputs":[1' + b"0" * 5000 + b"]}", 400, "4300 digits"),
        (b"application/json", b"[" * 100_000, 400, "nested too deep"),
        (b"application/json", b'{"inputs":"\xff"}', 400, "UTF-8"),
    ],
)
async def test_a_body_is_refused_with_its_true_reason(
    tiny_store: Path, content_type: bytes, body: bytes, status: int, found: str
) -> None:
    async with connected(tiny_store) as side:
        head = b"POST /v1/classify HTTP/1.1\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n"
        side.writer.write(head % (content_type, len(body)) + body)
        assert found in await read_problem(side, status)


async def test_a_foreign_host_is_not_served_where_only_loopback_may_ask(tiny_store: Path) -> None:
    async with connected(tiny_store) as side:
        side.send(headers="Host: rebound.example\r\n")
        assert "rebound.example" in await read_problem(side, 403)
        for host in ("127.0.0.1:8000", "localhost", "[::1]:80", "127.1.2.3"):
            side.send(headers=f"Host: {host}\r\n")
            (await side.taken()).end()
            assert (await side.read())[0].startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "headers",
    [{"origin": "http://evil.example"}, {"sec-fetch-site": "cross-site"}, {"origin": "null"}],
)
def test_other_peoples_pages_may_not_administer(
    tiny_store: Path, headers: dict[str, str], server_url: str
) -> None:
    with httpx.Client(base_url=server_url, trust_env=False) as client:
        refused = client.post("/v1/models/mood/reload", headers=headers)
        assert refused.status_code == 403
        assert json.loads(refused.content)["title"] == "Foreign origin"
        assert client.get("/v1/models", headers={"host": "rebound.example"}).status_code == 403
        own = {"origin": server_url, "sec-fetch-site": "same-origin"}
        assert client.post("/v1/models/none/reload", headers=own).status_code == 404


@pytest.fixture
def server_url(server: object) -> str:
    return str(server.url)  # type: ignore[attr-defined]


def test_probes_may_ask_with_head_and_no_redirect_repeats_a_host(server_url: str) -> None:
    with httpx.Client(base_url=server_url, trust_env=False) as client:
        for path in ("/health/live", "/health/ready", "/metrics", "/v1/models", "/docs"):
            answer = client.head(path)
            assert (answer.status_code, answer.content) == (200, b"")
        assert client.post("/v1/classify/", json={}).status_code == 404
        odd = client.get("/health/live", headers={"X-Request-Id": "caf\u00e9".encode("latin-1")})
        assert odd.headers["x-request-id"].isascii()
