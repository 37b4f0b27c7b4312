"""Load from several processes: one that is written in Python would itself be the limit.

`python -m benchmarks.generator` is one of them: it takes its orders as JSON on standard input and
answers there with what it saw. All start at the same moment of the machine's monotonic clock.
"""

import json
import select
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.arrivals import poisson
from benchmarks.errors import BenchmarkError
from benchmarks.open_loop import is_whole, open_loop, post
from benchmarks.statistics import percentile
from benchmarks.wrk import Closed

# Starting Python and its imports, with all the others doing the same.
START_SECONDS = 1.0
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


def load_closed(
    port: int, path: str, bodies: Sequence[bytes], connections: int, seconds: float, processes: int
) -> Seen:
    """Keep connections busy, each sending its next request when the last is answered."""
    processes = min(processes, connections)
    shares = [connections // processes + (n < connections % processes) for n in range(processes)]
    return _run_all(port, path, bodies, seconds, [{"connections": share} for share in shares])


def load_open(
    port: int, path: str, bodies: Sequence[bytes], rate: float, seconds: float, processes: int
) -> Seen:
    """Send requests as a Poisson process of this rate; latencies count from when they are due."""
    orders = [{"rate": rate / processes, "seed": n} for n in range(processes)]
    return _run_all(port, path, bodies, seconds, orders)


def _run_all(
    port: int, path: str, bodies: Sequence[bytes], seconds: float, orders: list[dict[str, Any]]
) -> Seen:
    common = {
        "port": port,
        "path": path,
        "bodies": [body.decode() for body in bodies],
        "seconds": seconds,
        "start": time.monotonic() + START_SECONDS,
    }
    command = [sys.executable, "-m", "benchmarks.generator"]
    children = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in orders
    ]
    for child, order in zip(children, orders, strict=True):
        assert child.stdin is not None
        child.stdin.write(json.dumps(common | order).encode())
        child.stdin.close()
        child.stdin = None
    whole = Seen()
    for child in children:
        output, _ = child.communicate()
        if child.returncode:
            raise BenchmarkError(f"a load generator ended with {child.returncode}")
        one = Seen(**json.loads(output))
        whole.seconds = max(whole.seconds, one.seconds)
        whole.refused += one.refused
        whole.failed += one.failed
        whole.latencies += one.latencies
    return whole


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


def obey(order: dict[str, Any]) -> Seen:
    """Do what one process is told to."""
    requests = [post(order["path"], body.encode()) for body in order["bodies"]]
    while (left := order["start"] - time.monotonic()) > 0:
        time.sleep(left)
    if "connections" in order:
        return closed_loop(order["port"], requests, order["connections"], order["seconds"])
    due = poisson(order["rate"], order["seconds"], order["seed"])
    found = open_loop(order["port"], requests, due)
    answered = found.latencies()
    refused = len(found.answers) - len(answered)
    return Seen(order["seconds"], refused, found.unanswered, answered)


def main() -> None:
    seen = obey(json.load(sys.stdin))
    latencies = [round(one, 7) for one in seen.latencies]
    answer = {"seconds": seen.seconds, "refused": seen.refused, "failed": seen.failed}
    sys.stdout.write(json.dumps(answer | {"latencies": latencies}))


if __name__ == "__main__":
    main()
