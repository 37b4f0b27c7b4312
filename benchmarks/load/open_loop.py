"""Open loop: requests leave when they are due, and latency counts from then.

A client that waits for an answer before it sends the next request hides the delays it should
measure (coordinated omission). Here a late send counts as latency, like a late answer.

Plain sockets and epoll: the generator shares the machine with the server, and an asyncio event loop
would take several times as much CPU.
"""

import select
import socket
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

MAX_CONNECTIONS = 512
GRACE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one request; `latency_seconds` counts from its due time."""

    number: int
    status: int
    latency_seconds: float


@dataclass(slots=True)
class OpenLoopResult:
    """All answers in the order of their arrival, and the number of missing ones."""

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


def open_loop(port: int, requests: Sequence[bytes], due: Sequence[float]) -> OpenLoopResult:
    """Send each request at its due time, in seconds from now; return when all have ended.

    Args:
        requests: taken in turn, over and over.
    """
    generator = _Generator(port, requests)
    try:
        return generator.run(due)
    finally:
        generator.close()


def is_whole(head: bytes, body: bytes) -> bool:
    """Tell whether a body is complete, by its lower-case head."""
    _, found, length = head.partition(b"content-length:")
    if found:
        return len(body) >= int(length.split(b"\r\n", 1)[0])
    return body.endswith(b"0\r\n\r\n")


@dataclass(slots=True, eq=False)
class _Connection:
    """Keep-alive HTTP/1.1, one request at a time."""

    socket: socket.socket
    number: int = -1
    due: float = 0.0
    received: bytes = b""


class _Generator:
    """Connections by file descriptor, and the requests that wait for a free one."""

    def __init__(self, port: int, requests: Sequence[bytes]) -> None:
        self._port = port
        self._requests = requests
        self._epoll = select.epoll()
        self._open: dict[int, _Connection] = {}
        self._idle: list[_Connection] = []
        self._waiting: deque[tuple[int, float]] = deque()
        self._result = OpenLoopResult()

    def run(self, due: Sequence[float]) -> OpenLoopResult:
        started = time.perf_counter() + 0.05
        left = self._result.sent = len(due)
        next_one = 0
        ended_by = started + (due[-1] if due else 0.0) + GRACE_SECONDS
        while len(self._result.answers) + self._result.unanswered < left:
            now = time.perf_counter()
            while next_one < left and started + due[next_one] <= now:
                self._send(next_one, started + due[next_one])
                next_one += 1
            if now > ended_by:
                self._result.unanswered = left - len(self._result.answers)
                break
            until = started + due[next_one] if next_one < left else ended_by
            for descriptor, _ in self._epoll.poll(max(0.0, until - now)):
                self._receive(self._open[descriptor])
        return self._result

    def close(self) -> None:
        for connection in self._open.values():
            connection.socket.close()
        self._epoll.close()

    def _send(self, number: int, due: float) -> None:
        """Send a request over a free or a new connection; without either, let it wait."""
        if not self._idle and len(self._open) >= MAX_CONNECTIONS:
            self._waiting.append((number, due))
            return
        try:
            connection = self._idle.pop() if self._idle else self._connect()
            connection.socket.sendall(self._requests[number % len(self._requests)])
        except OSError:
            self._result.unanswered += 1
        else:
            connection.number, connection.due = number, due

    def _connect(self) -> _Connection:
        connection = _Connection(socket.create_connection(("127.0.0.1", self._port), 10))
        connection.socket.settimeout(None)  # with a timeout, each call would ask the system twice
        connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._open[connection.socket.fileno()] = connection
        self._epoll.register(connection.socket, select.EPOLLIN)
        return connection

    def _receive(self, connection: _Connection) -> None:
        try:
            data = connection.socket.recv(65536)
        except OSError:
            data = b""
        if not data:
            self._result.unanswered += connection.number >= 0
            self._drop(connection)
            return
        connection.received += data
        head, found, body = connection.received.partition(b"\r\n\r\n")
        head = head.lower()
        if not found or not is_whole(head, body):
            return
        latency = time.perf_counter() - connection.due
        self._result.answers.append(Answer(connection.number, int(head[9:12]), latency))
        connection.received, connection.number = b"", -1
        if b"connection: close" in head:
            self._drop(connection)
        else:
            self._idle.append(connection)
        self._send_waiting()

    def _drop(self, connection: _Connection) -> None:
        del self._open[connection.socket.fileno()]
        if connection in self._idle:
            self._idle.remove(connection)
        connection.socket.close()
        self._send_waiting()

    def _send_waiting(self) -> None:
        if self._waiting:
            self._send(*self._waiting.popleft())
