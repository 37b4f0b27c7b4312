"""Many keep-alive clients in one event loop, cheap enough to share two cores with the service."""

import asyncio
import itertools
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

Check = Callable[[int, Any], None]


@dataclass(frozen=True)
class Call:
    """A request, as bytes ready to send."""

    data: bytes

    @classmethod
    def post(cls, path: str, body: dict[str, Any]) -> "Call":
        content = json.dumps(body).encode()
        head = (
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(content)}\r\n\r\n"
        )
        return cls(head.encode() + content)


@dataclass(frozen=True)
class Answer:
    """The answer to one call."""

    status: int
    body: bytes
    keeps_connection: bool

    def json(self) -> Any:
        return json.loads(self.body)


async def read_answer(reader: asyncio.StreamReader) -> Answer:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    length = int(head.split("content-length:")[1].split("\r\n")[0])
    body = await reader.readexactly(length)
    return Answer(int(head.split(" ")[1]), body, "connection: close" not in head)


@dataclass
class Tally:
    """What the clients saw."""

    answered: int = 0
    statuses: dict[int, int] = field(default_factory=dict)
    unanswered: int = 0
    seconds: float = 0.0


class Clients:
    """Sends calls round robin until told to stop, each client one at a time."""

    def __init__(self, url: str, calls: Sequence[Call], check: Check) -> None:
        address = urlsplit(url)
        self._host, self._port = address.hostname, address.port
        self._calls = calls
        self._check = check
        self._stopped = False
        self.tally = Tally()

    def stop(self) -> None:
        self._stopped = True

    async def run(self, clients: int, calls_each: int | None = None) -> Tally:
        """Run until stop(), or a number of calls each, or the service asks clients to leave."""
        started = time.monotonic()
        await asyncio.gather(*(self._client(n, clients, calls_each) for n in range(clients)))
        self.tally.seconds = time.monotonic() - started
        return self.tally

    async def _client(self, first: int, step: int, count: int | None) -> None:
        reader, writer = await asyncio.open_connection(self._host, self._port)
        numbers = itertools.islice(itertools.count(first, step), count)
        try:
            for number in numbers:
                if self._stopped:
                    return
                if not await self._exchange(reader, writer, number % len(self._calls)):
                    return
        finally:
            writer.close()

    async def _exchange(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int
    ) -> bool:
        """Send one call and check its answer; return whether the connection stays."""
        try:
            writer.write(self._calls[number].data)
            answer = await read_answer(reader)
        except (asyncio.IncompleteReadError, ConnectionError):
            self.tally.unanswered += 1
            return False
        self.tally.answered += 1
        self.tally.statuses[answer.status] = self.tally.statuses.get(answer.status, 0) + 1
        if answer.status == 200:
            self._check(number, answer.json())
        return answer.keeps_connection
