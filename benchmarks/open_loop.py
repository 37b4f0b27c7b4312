"""Open loop: requests leave when they are due, and latency counts from then.

A client that waits for an answer before it sends the next hides the very delays it should measure
(coordinated omission), so here a late send counts as latency like a late answer.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

MAX_CONNECTIONS = 512
GRACE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Answer:
    """One request's end; `latency_seconds` from when it was due."""

    number: int
    status: int
    latency_seconds: float


@dataclass(slots=True)
class Open:
    """Every answer in the order they came, and how many never did."""

    sent: int = 0
    unanswered: int = 0
    answers: list[Answer] = field(default_factory=list)

    def latencies(self, status: int = 200) -> list[float]:
        return [one.latency_seconds for one in self.answers if one.status == status]


def post(path: str, body: bytes) -> bytes:
    """Return a request as bytes ready to send."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def open_loop(port: int, requests: Sequence[bytes], due: Sequence[float]) -> Open:
    """Send each request when it is due, in seconds from now; return when all have ended.

    Args:
        requests: taken in turn, over and over.
    """
    return await _Generator(port, requests).run(due)


class _Generator:
    def __init__(self, port: int, requests: Sequence[bytes]) -> None:
        self._port = port
        self._requests = requests
        self._loop = asyncio.get_running_loop()
        self._idle: list[_Connection] = []
        self._open: set[_Connection] = set()
        self._opening = 0
        self._waiting: deque[tuple[int, float]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._left = 0
        self._done = asyncio.Event()
        self._closed = asyncio.Event()
        self._result = Open()

    async def run(self, due: Sequence[float]) -> Open:
        started = self._loop.time() + 0.05
        self._left = self._result.sent = len(due)
        for number, at in enumerate(due):
            if (ahead := started + at - self._loop.time()) > 0:
                await asyncio.sleep(ahead)
            self._send(number, started + at)
        if due:
            try:
                await asyncio.wait_for(self._done.wait(), GRACE_SECONDS)
            except TimeoutError:
                self._result.unanswered += self._left
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._closed.clear()
        for connection in tuple(self._open):
            connection.close()
        if self._open:
            await self._closed.wait()
        return self._result

    def _send(self, number: int, due: float) -> None:
        if self._idle:
            self._idle.pop().send(number, due, self._requests[number % len(self._requests)])
            return
        self._waiting.append((number, due))
        self._connect_more()

    def _connect_more(self) -> None:
        if len(self._open) + self._opening < MAX_CONNECTIONS:
            self._opening += 1
            self._tasks.add(task := self._loop.create_task(self._connect()))
            task.add_done_callback(self._tasks.discard)

    async def _connect(self) -> None:
        try:
            _, connection = await self._loop.create_connection(
                lambda: _Connection(self), "127.0.0.1", self._port
            )
        except OSError:
            self._opening -= 1
            if self._waiting:
                self._waiting.popleft()
                self._lost()
            return
        self._opening -= 1
        self._open.add(connection)
        self.free(connection)

    def free(self, connection: "_Connection") -> None:
        """Give a connection its next request, or keep it for one."""
        if self._waiting:
            number, due = self._waiting.popleft()
            connection.send(number, due, self._requests[number % len(self._requests)])
        else:
            self._idle.append(connection)

    def answered(self, number: int, status: int, due: float) -> None:
        self._result.answers.append(Answer(number, status, self._loop.time() - due))
        self._one_less()

    def dropped(self, connection: "_Connection", *, busy: bool) -> None:
        """Forget a connection the server closed."""
        self._open.discard(connection)
        if not self._open:
            self._closed.set()
        if connection in self._idle:
            self._idle.remove(connection)
        if busy:
            self._lost()
        if self._waiting:
            self._connect_more()

    def _lost(self) -> None:
        self._result.unanswered += 1
        self._one_less()

    def _one_less(self) -> None:
        self._left -= 1
        if self._left == 0:
            self._done.set()


class _Connection(asyncio.Protocol):
    """Keep-alive HTTP/1.1, one request at a time, answers with Content-Length or chunked."""

    def __init__(self, generator: _Generator) -> None:
        self._generator = generator
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self._number = -1
        self._due = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclass of asyncio's.
        self._transport = cast(asyncio.Transport, transport)

    def send(self, number: int, due: float, request: bytes) -> None:
        self._number, self._due = number, due
        if self._transport is not None:
            self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, rest = self._received.partition(b"\r\n\r\n")
        if not found or not is_whole(head.lower(), rest):
            return
        self._received = b""
        number, self._number = self._number, -1
        self._generator.answered(number, int(head[9:12]), self._due)
        if b"connection: close" in head.lower():
            self.close()
        else:
            self._generator.free(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._generator.dropped(self, busy=self._number >= 0)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()


def is_whole(head: bytes, body: bytes) -> bool:
    """Tell whether a body has come to its end, by what the lower-case head says of it."""
    _, found, length = head.partition(b"content-length:")
    if found:
        return len(body) >= int(length.split(b"\r\n", 1)[0])
    return body.endswith(b"0\r\n\r\n")
