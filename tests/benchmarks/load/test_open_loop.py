"""The open-loop generator counts every request once, from the time it was due."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from benchmarks.load import open_loop as generator
from benchmarks.load.open_loop import OpenLoopResult, open_loop, post

Reply = Callable[[int], Awaitable[bytes]]


def answer(status: int, body: bytes = b"{}") -> bytes:
    return b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)


async def against(reply: Reply, due: list[float]) -> OpenLoopResult:
    """Run the generator against a server that answers the n-th request with reply(n)."""
    seen = 0
    handlers: set[asyncio.Task[None] | None] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal seen
        handlers.add(asyncio.current_task())
        try:
            while True:
                await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(2)
                seen += 1
                if not (data := await reply(seen - 1)):
                    return
                writer.write(data)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        found = await asyncio.to_thread(open_loop, port, [post("/", b"{}")], due)
        await asyncio.gather(*(task for task in handlers if task))
        return found


def test_answers_and_refusals_are_counted_apart() -> None:
    async def reply(number: int) -> bytes:
        return answer(429 if number % 4 == 0 else 200)

    found = asyncio.run(against(reply, [n / 1000 for n in range(40)]))
    assert found.sent == 40
    assert len(found.latencies(200)) == 30
    assert len(found.latencies(429)) == 10
    assert found.unanswered == 0
    assert sorted(one.number for one in found.answers) == list(range(40))


def test_latency_counts_from_when_the_request_was_due() -> None:
    free = asyncio.Event()

    async def reply(number: int) -> bytes:
        if number == 0:
            asyncio.get_running_loop().call_later(0.2, free.set)
        await free.wait()
        return answer(200)

    generator_limit, generator.MAX_CONNECTIONS = generator.MAX_CONNECTIONS, 1
    try:
        found = asyncio.run(against(reply, [0.0, 0.0, 0.0, 0.01]))
    finally:
        generator.MAX_CONNECTIONS = generator_limit
    # One connection only: the others leave late, and that lateness is theirs to bear.
    assert len(found.answers) == 4
    assert min(found.latencies()) >= 0.18


def test_a_closed_connection_counts_as_unanswered() -> None:
    async def reply(number: int) -> bytes:
        return b"" if number == 1 else answer(200)

    found = asyncio.run(against(reply, [0.0, 0.03, 0.06]))
    assert (len(found.answers), found.unanswered) == (2, 1)


def test_an_answer_in_pieces_or_chunks_is_one_answer() -> None:
    async def reply(number: int) -> bytes:
        return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"

    assert len(asyncio.run(against(reply, [0.0, 0.01])).answers) == 2
