"""A connection is kept as long as it is meant to, and an old one ends with an answer."""

import asyncio
from functools import partial
from pathlib import Path

import pytest

from tests.support.connection import BODY, HEAD, PROBE, connected, connection_of, later, until

pytestmark = pytest.mark.anyio


async def test_a_connection_is_kept_through_silence_as_long_as_the_setting_says(
    tiny_store: Path,
) -> None:
    async with connected(tiny_store) as side:
        await connection_of(side)
        (connection,) = side.state.connections
        assert connection.timeout_keep_alive == 75, "balancers keep theirs for 60 s"  # type: ignore[union-attr]
    async with connected(tiny_store, keep_alive_seconds=0.05) as side:
        side.runner.ends_at_once = True
        side.send()
        assert (await side.read())[0].startswith(b"HTTP/1.1 200 ")
        assert await side.rest() == b""


LAST = b"\r\nconnection: close\r\n"


@pytest.mark.parametrize("posted", [True, False])
async def test_an_old_connection_is_closed_with_its_next_answer(
    tiny_store: Path, posted: bool
) -> None:
    async with connected(tiny_store, max_connection_seconds=10) as side:
        side.runner.ends_at_once = True
        for seconds, is_last in ((7.9, False), (12.1, True)):
            await connection_of(side)
            later(side, 0)
            ask = side.send if posted else partial(side.writer.write, PROBE)
            ask()
            assert LAST not in (await side.read())[0]
            later(side, seconds)
            assert len(side.state.connections) == 1, "nobody is left who has not been told"
            ask()
            assert (LAST in (await side.read())[0]) == is_last
        assert await side.rest() == b""


@pytest.mark.parametrize("body", [BODY, b"{}"])
async def test_an_old_connection_answers_all_that_has_come_over_it(
    tiny_store: Path, body: bytes
) -> None:
    async with connected(tiny_store, max_connection_seconds=10) as side:
        side.runner.ends_at_once = True
        side.send()
        await side.read()
        later(side, 12.1)
        request = HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body
        side.writer.write((request + PROBE) * 3 + request[:-1])
        for _ in range(6):
            assert LAST not in (await side.read())[0]
        side.writer.write(request[-1:])
        assert LAST in (await side.read())[0]
        assert await side.rest() == b""


async def test_ages_are_spread_and_without_a_limit_none_ends(tiny_store: Path) -> None:
    async with connected(tiny_store, max_connection_seconds=10) as side:
        address = side.writer.get_extra_info("peername")
        others = [await asyncio.open_connection(*address) for _ in range(30)]
        await until(lambda: len(side.state.connections) == 31)
        now = asyncio.get_running_loop().time()
        left = sorted(one._old_at - now for one in side.state.connections)  # type: ignore[union-attr]
        assert 7 < left[0] < 9.5 < 10.5 < left[-1] <= 12
        for _, writer in others:
            writer.close()
    async with connected(tiny_store) as side:
        side.runner.ends_at_once = True
        for seconds in (0, 1e6):
            later(side, seconds)
            side.send()
            assert LAST not in (await side.read())[0]
