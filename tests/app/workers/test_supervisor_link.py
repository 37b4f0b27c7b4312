"""The line between a process and its supervisor: when it ends, so does the process."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator

import pytest

from app.errors import NotReady
from app.telemetry.metrics import Metrics
from app.workers.supervisor_link import Link, SupervisorLink

pytestmark = pytest.mark.anyio


@contextlib.asynccontextmanager
async def supervised() -> AsyncIterator[tuple[SupervisorLink, Link, asyncio.Queue[str]]]:
    """Give a process's end, the supervisor's end, and what the process was told to do."""
    ours, theirs = socket.socketpair()
    line, control = await Link.open(ours), SupervisorLink(await Link.open(theirs))
    told: asyncio.Queue[str] = asyncio.Queue()
    commands = {name: lambda name=name: told.put_nowait(name) for name in ("drain", "stop")}
    shares = {"double": lambda asked: 2 * asked["number"]}
    following = asyncio.ensure_future(control.follow(Metrics().registry, commands, shares))
    yield control, line, told
    line.close()
    await asyncio.wait_for(following, 10)
    control.close()


async def test_commands_are_obeyed_and_the_end_of_the_line_means_stop() -> None:
    async with supervised() as (_, line, told):
        line.send(do="drain")
        assert await asyncio.wait_for(told.get(), 10) == "drain"
        line.close()
        assert await asyncio.wait_for(told.get(), 10) == "stop"


async def test_a_process_says_that_it_is_there() -> None:
    async with supervised() as (_, line, _told):
        line.send(do="ping")
        assert await asyncio.wait_for(line.receive(), 10) == {"event": "pong"}


async def test_a_line_that_makes_no_sense_means_stop() -> None:
    ours, theirs = socket.socketpair()
    control = SupervisorLink(await Link.open(theirs))
    with ours:
        ours.sendall(b"no json\n")
        stopped = asyncio.Event()
        await asyncio.wait_for(control.follow(Metrics().registry, {"stop": stopped.set}), 10)
        assert stopped.is_set()
    control.close()


async def test_a_scrape_is_answered_by_the_supervisor() -> None:
    async with supervised() as (control, line, _):
        scrape = asyncio.ensure_future(control.exposition("text"))
        asked = await line.receive()
        assert asked is not None
        assert asked["event"] == "scrape"
        line.send(do="collect")
        collected = await line.receive()
        assert collected is not None
        assert "classmark_requests" in json.dumps(collected["families"])
        line.send(do="answer", number=asked["number"], text="up 1\n")
        assert await asyncio.wait_for(scrape, 10) == b"up 1\n"


async def test_no_scrape_waits_for_a_supervisor_that_is_gone() -> None:
    async with supervised() as (control, line, told):
        scrape = asyncio.ensure_future(control.exposition("text"))
        await line.receive()
        line.close()
        with pytest.raises(NotReady, match="start it again"):
            await asyncio.wait_for(scrape, 10)
        assert await asyncio.wait_for(told.get(), 10) == "stop"
        with pytest.raises(NotReady):
            await control.exposition("text")


async def test_what_front_ends_share_is_gathered_by_the_supervisor() -> None:
    async with supervised() as (control, line, _):
        gathering = asyncio.ensure_future(control.gather("double", {"number": 4}))
        asked = await line.receive()
        assert asked is not None
        assert (asked["event"], asked["name"], asked["asked"]) == (
            "gather",
            "double",
            {"number": 4},
        )
        line.send(do="share", number=9, name="double", asked={"number": 4})
        assert await line.receive() == {"event": "shared", "number": 9, "share": 8}
        line.send(do="answer", number=asked["number"], shares=[8, 6], silent=[])
        assert await asyncio.wait_for(gathering, 10) == [8, 6]


async def test_a_share_that_is_missing_is_said_and_not_left_out() -> None:
    async with supervised() as (control, line, _):
        gathering = asyncio.ensure_future(control.gather("double", {}))
        asked = await line.receive()
        assert asked is not None
        line.send(do="answer", number=asked["number"], shares=[8, None], silent=["front-end-2"])
        with pytest.raises(NotReady, match="front-end-2 did not answer in time"):
            await asyncio.wait_for(gathering, 10)
