"""Links a process with its supervisor: one JSON message per line, over a socket pair.

The supervisor's first message says what the process is. When the link ends, the other side has
ended too, for any reason: so no process outlives its supervisor.
"""

import asyncio
import itertools
import json
import logging
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from prometheus_client import CollectorRegistry
from pydantic import TypeAdapter

from app.errors import NotReady
from app.security import Authorizer
from app.settings.settings import Settings
from app.telemetry.exposition import Format
from app.workers.metrics_merge import take_snapshot

logger = logging.getLogger(__name__)

MAX_LINE_BYTES = 64 * 1024 * 1024
EXPOSITION_WITHIN_SECONDS = 10.0
SUPERVISOR_GONE = (
    "the supervisor is gone and the service ends; look into its log, and start it again"
)
SUPERVISOR_SILENT = (
    f"the supervisor has not answered for {EXPOSITION_WITHIN_SECONDS:.0f} s; look into its log"
)


@dataclass(frozen=True, slots=True)
class WorkerSpec:
    """The role of a process, and what it needs for it.

    Attributes:
        role: `engine`, or `front-end-` and a number.
        authorizer: who may ask what, read once for all processes.
        engine_path: Unix socket on which front ends reach the engine.
        listener: inherited file descriptor of that socket, for the engine.
        addresses: (host, port) to listen on for HTTP, for front ends.
    """

    role: str
    settings: Settings
    authorizer: Authorizer
    engine_path: str
    listener: int = -1
    addresses: tuple[tuple[str, int], ...] = ()


SPEC = TypeAdapter(WorkerSpec)


class Link:
    """Messages over one socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, end: socket.socket) -> "Link":
        return cls(*await asyncio.open_connection(sock=end, limit=MAX_LINE_BYTES))

    def send(self, **message: Any) -> None:
        """Send a message; do nothing if the other side is gone."""
        if not self._writer.is_closing():
            self._writer.write(json.dumps(message).encode() + b"\n")

    async def receive(self) -> dict[str, Any] | None:
        """Return the next message, or None if the other side is gone or sends no valid JSON."""
        try:
            line = await self._reader.readline()
            message: dict[str, Any] | None = json.loads(line) if line.endswith(b"\n") else None
        except ConnectionError:
            return None
        except ValueError:  # not JSON, or a line over the limit
            logger.exception("a message that makes no sense, the link is given up")
            return None
        return message

    def close(self) -> None:
        self._writer.close()


class SupervisorLink:
    """The end of the link in a supervised process."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._numbers = itertools.count(1)
        self._asked: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._gone = False

    def tell(self, event: str, **fields: Any) -> None:
        """Tell the supervisor that this process is `listening`, or that models have `started`."""
        self._link.send(event=event, **fields)

    async def exposition(self, wanted: Format) -> bytes:
        """Return the metrics of all processes.

        Raises:
            NotReady: the supervisor, which collects them, is gone or does not answer.
        """
        answer = await self._ask("scrape", wanted=wanted)
        text: str = answer["text"]
        return text.encode()

    async def gather(self, name: str, asked: dict[str, Any]) -> list[Any]:
        """Return what every front end shares under a name.

        Raises:
            NotReady: the supervisor is gone or does not answer, or a front end does not.
        """
        answer = await self._ask("gather", name=name, asked=asked)
        if answer["silent"]:
            raise NotReady(
                f"{', '.join(answer['silent'])} did not answer in time, so the answer would lack "
                "what is counted there; ask again in a few seconds"
            )
        shares: list[Any] = answer["shares"]
        return shares

    async def _ask(self, event: str, **fields: Any) -> dict[str, Any]:
        """Ask the supervisor something, and return its answer; raise NotReady without one."""
        if self._gone:
            raise NotReady(SUPERVISOR_GONE)
        number = next(self._numbers)
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._asked[number] = answer
        self._link.send(event=event, number=number, **fields)
        try:
            async with asyncio.timeout(EXPOSITION_WITHIN_SECONDS):
                return await answer
        except TimeoutError:
            raise NotReady(SUPERVISOR_SILENT) from None
        finally:
            del self._asked[number]

    def close(self) -> None:
        self._link.close()

    async def follow(
        self,
        registry: CollectorRegistry,
        commands: Mapping[str, Callable[[], object]],
        shares: Mapping[str, Callable[[dict[str, Any]], Any]] = MappingProxyType({}),
    ) -> None:
        """Run the supervisor's commands until it is gone; then run `stop`.

        Args:
            shares: gives what this process adds to what is gathered under a name.
        """
        while (message := await self._link.receive()) is not None:
            match message["do"]:
                case "ping":
                    self._link.send(event="pong")
                case "collect":
                    snapshot = take_snapshot(registry)
                    self._link.send(event="collected", families=snapshot)
                case "share":
                    share = shares[message["name"]](message["asked"])
                    self._link.send(event="shared", number=message["number"], share=share)
                case "answer":
                    answer = self._asked.get(message["number"])
                    if answer is not None and not answer.done():
                        answer.set_result(message)
                case command if command in commands:
                    commands[command]()
        self._gone = True
        for answer in self._asked.values():
            if not answer.done():
                answer.set_exception(NotReady(SUPERVISOR_GONE))
        commands["stop"]()
