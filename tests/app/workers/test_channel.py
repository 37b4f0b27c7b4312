"""A connection that goes wrong ends alone, and what was asked over it fails with a remedy."""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.errors import NotReady
from app.workers.front_end.engine_client import EngineClient
from app.workers.transport.channel import Channel
from app.workers.transport.frames import Frame, Kind

pytestmark = pytest.mark.anyio


class Peer:
    """The other end of each connection: it keeps what comes."""

    def __init__(self) -> None:
        self.channels: list[Channel] = []
        self.frames: asyncio.Queue[Frame] = asyncio.Queue()
        self.closed: asyncio.Queue[None] = asyncio.Queue()

    def accept(self) -> Channel:
        return Channel(
            self.channels.append, self.frames.put_nowait, lambda: self.closed.put_nowait(None)
        )


@contextlib.asynccontextmanager
async def listening() -> AsyncIterator[tuple[Peer, str]]:
    peer = Peer()
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "s")
        server = await asyncio.get_running_loop().create_unix_server(peer.accept, path)
        yield peer, path
        server.close()
        for channel in peer.channels:
            channel.close()


async def test_garbage_closes_its_connection_and_no_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with listening() as (peer, path):
        client = EngineClient(path)
        await client.connect()
        _, writer = await asyncio.open_unix_connection(path)
        writer.write(b"GET / HTTP/1.1\r\n\r\n" * 10)
        await asyncio.wait_for(peer.closed.get(), 10)
        writer.close()
        call = client.call(Kind.SCAN, b"")
        assert await asyncio.wait_for(peer.frames.get(), 10) == Frame(Kind.SCAN, call.number)
        call.end()
        client.close()
    assert "no frame" in caplog.text


async def test_what_was_asked_of_an_engine_that_ends_fails_with_a_remedy() -> None:
    async with listening() as (peer, path):
        client = EngineClient(path)
        link = await client.connect()
        call = client.call(Kind.SCAN, b"")
        await asyncio.wait_for(peer.frames.get(), 10)
        peer.channels[0].close()
        with pytest.raises(NotReady, match="again"):
            await asyncio.wait_for(call.answer, 10)
        assert await asyncio.wait_for(link.news.get(), 10) is None
        with pytest.raises(NotReady, match="again"):
            client.call(Kind.SCAN, b"")


async def test_a_call_nobody_waits_for_is_cancelled_at_the_engine() -> None:
    async with listening() as (peer, path):
        client = EngineClient(path)
        await client.connect()
        call = client.call(Kind.SUBMIT, b"")
        call.end()
        kinds = [(await asyncio.wait_for(peer.frames.get(), 10)).kind for _ in range(2)]
        assert kinds == [Kind.SUBMIT, Kind.CANCEL]
        client.close()
