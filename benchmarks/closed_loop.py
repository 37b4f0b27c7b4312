"""A closed loop on epoll: each connection sends its next request when the last is answered."""

import select
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.load.open_loop import is_whole
from benchmarks.load.wrk import Closed
from benchmarks.report.statistics import percentile

TIMEOUT_SECONDS = 30.0


@dataclass(slots=True)
class Seen:
    """What one process or all of them saw; latencies in seconds, those of successes.

    Attributes:
        refused: answers that were no success.
        failed: requests without an answer.
    """

    seconds: float = 0.0
    refused: int = 0
    failed: int = 0
    latencies: list[float] = field(default_factory=list)

    def as_closed(self) -> Closed:
        """Return it in the form that wrk's figures have."""
        shares = [percentile(self.latencies, share) for share in (0.5, 0.9, 0.99)]
        return Closed(
            len(self.latencies) + self.refused, self.seconds, self.refused, self.failed, *shares
        )


def closed_loop(port: int, requests: Sequence[bytes], connections: int, seconds: float) -> Seen:
    """Keep the connections of this one process busy; the answers awaited at the end count not."""
    loop = _Loop(port, requests)
    try:
        return loop.run(connections, seconds)
    finally:
        loop.close()


class _Loop:
    """Keep-alive connections by their file descriptor, with a request on each."""

    def __init__(self, port: int, requests: Sequence[bytes]) -> None:
        self._port, self._requests = port, requests
        self._epoll = select.epoll()
        self._sockets: dict[int, socket.socket] = {}
        self._received: dict[int, bytes] = {}
        self._sent: dict[int, float] = {}
        self._next = 0
        self._seen = Seen()

    def run(self, connections: int, seconds: float) -> Seen:
        started = time.perf_counter()
        for _ in range(connections):
            self._connect()
        ends = started + seconds
        while self._sockets and (left := ends - time.perf_counter()) > 0:
            for descriptor, _ in self._epoll.poll(left):
                self._receive(descriptor)
        self._seen.seconds = time.perf_counter() - started
        now = time.perf_counter()
        self._seen.failed += sum(now - sent > TIMEOUT_SECONDS for sent in self._sent.values())
        return self._seen

    def close(self) -> None:
        for one in self._sockets.values():
            one.close()
        self._epoll.close()

    def _connect(self) -> None:
        try:
            one = socket.create_connection(("127.0.0.1", self._port), TIMEOUT_SECONDS)
        except OSError:
            self._seen.failed += 1
            return
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sockets[one.fileno()] = one
        self._epoll.register(one, select.EPOLLIN)
        self._send(one.fileno())

    def _send(self, descriptor: int) -> None:
        request = self._requests[self._next % len(self._requests)]
        self._next += 1
        self._received[descriptor] = b""
        self._sent[descriptor] = time.perf_counter()
        try:
            self._sockets[descriptor].sendall(request)
        except OSError:
            self._lose(descriptor)

    def _receive(self, descriptor: int) -> None:
        try:
            data = self._sockets[descriptor].recv(262_144)
        except OSError:
            data = b""
        if not data:
            self._lose(descriptor)
            return
        received = self._received[descriptor] + data
        self._received[descriptor] = received
        head, found, body = received.partition(b"\r\n\r\n")
        head = head.lower()
        if not found or not is_whole(head, body):
            return
        if head[9:12] == b"200":
            self._seen.latencies.append(time.perf_counter() - self._sent[descriptor])
        else:
            self._seen.refused += 1
        if b"connection: close" in head:
            self._drop(descriptor)
            self._connect()
        else:
            self._send(descriptor)

    def _lose(self, descriptor: int) -> None:
        """Count a request that got no answer, and go on over a new connection."""
        self._seen.failed += 1
        self._drop(descriptor)
        if self._seen.failed < len(self._requests) + 100:  # a dead server ends the loop
            self._connect()

    def _drop(self, descriptor: int) -> None:
        self._sockets.pop(descriptor).close()
        del self._sent[descriptor], self._received[descriptor]
