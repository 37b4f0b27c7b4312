"""An open loop of keep-alive clients in a thread of its own, each answer checked."""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks.load.arrivals import poisson
from tests.support.load import Call, read_answer

REQUESTS_A_SECOND = 60.0
CLIENTS = 24
LONGEST_SECONDS = 300.0
ANSWER_SECONDS = 60.0
# Due times by rate, seconds and seed.
Arrivals = Callable[[float, float, int], list[float]]


@dataclass(frozen=True)
class Question:
    """A request, and the label that each version of the model gives."""

    call: Call
    labels: dict[int, str]


@dataclass(frozen=True)
class Outcome:
    """What came of one request; times by `time.monotonic`.

    Attributes:
        fault: what was wrong; None if the answer was right.
        version: of the model that answered.
    """

    sent: float
    ended: float
    fault: str | None
    version: int | None


class Client:
    """One that keeps its connection for as long as it is let."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, question: Question) -> tuple[str | None, int | None]:
        """Return what was wrong, if anything, and which version answered, if one did."""
        try:
            if self._streams is None or self._streams[0].at_eof():
                self.leave()
                self._streams = await asyncio.open_connection("127.0.0.1", self._port)
            reader, writer = self._streams
            writer.write(question.call.data)
            answer = await asyncio.wait_for(read_answer(reader), ANSWER_SECONDS)
        except (asyncio.IncompleteReadError, OSError) as exc:
            self.leave()
            return f"{type(exc).__name__}: {exc}", None
        if not answer.keeps_connection:
            self.leave()
        if answer.status != 200:
            return f"status {answer.status}", None
        body = answer.json()
        version, label = body["version"], body["results"][0]["labels"][0]["label"]
        right = question.labels[version]
        return (None if label == right else f"{label}, not {right}"), version

    def leave(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


class Load:
    """Requests that leave when they are due, whatever became of those before."""

    def __init__(self, port: int, questions: Sequence[Question], arrivals: Arrivals) -> None:
        self.outcomes: list[Outcome] = []
        self._due = arrivals(REQUESTS_A_SECOND, LONGEST_SECONDS, 7)
        self._questions = questions
        self._port = port
        self._idle = deque(Client(port) for _ in range(CLIENTS))
        self._enough = threading.Event()
        self._changed = threading.Condition()

    @property
    def faults(self) -> list[Outcome]:
        return [one for one in self.outcomes if one.fault is not None]

    def wait_for(self, more: int) -> None:
        """Wait until so many more requests have ended than now."""
        wanted = len(self.outcomes) + more
        with self._changed:
            ended = self._changed.wait_for(
                lambda: len(self.outcomes) >= wanted, more / REQUESTS_A_SECOND + ANSWER_SECONDS
            )
        assert ended, f"{len(self.outcomes)} requests have ended, not {wanted}"

    def stop(self) -> None:
        self._enough.set()

    async def run(self) -> None:
        started = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for number, due in enumerate(self._due):
                await asyncio.sleep(max(0.0, started + due - time.monotonic()))
                if self._enough.is_set():
                    break
                group.create_task(self._ask(self._questions[number % len(self._questions)]))
        for client in self._idle:
            client.leave()

    async def _ask(self, question: Question) -> None:
        """Ask by the client that has been idle for longest, or by one more."""
        client = self._idle.popleft() if self._idle else Client(self._port)
        sent = time.monotonic()
        fault, version = await client.ask(question)
        self._idle.append(client)
        with self._changed:
            self.outcomes.append(Outcome(sent, time.monotonic(), fault, version))
            self._changed.notify_all()


@contextmanager
def asking(
    port: int, questions: Sequence[Question], arrivals: Arrivals = poisson
) -> Iterator[Load]:
    """Load a port until the block ends, and then until all that was asked has ended."""
    load = Load(port, questions, arrivals)
    with ThreadPoolExecutor(1) as thread:
        running = thread.submit(asyncio.run, load.run())
        try:
            yield load
        finally:
            load.stop()
            running.result()
