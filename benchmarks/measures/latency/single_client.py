"""One client alone on a blocking socket: its latency, and that beyond the raw session's."""

import socket
import time
from collections.abc import Sequence
from statistics import median

from benchmarks.load.open_loop import is_whole
from benchmarks.servers.peers.model import Model

# Long enough that each side keeps its own caches, short enough that both meet the same load from
# other users of the machine.
TURN = 20


def run_seconds(model: Model, ids: Sequence[int]) -> float:
    """Run one text without a server; return the seconds it took."""
    started = time.perf_counter()
    model.run([ids])
    return time.perf_counter() - started


class SingleClient:
    """A keep-alive connection that carries one request at a time."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, request: bytes) -> float:
        """Send a request; return the seconds until its whole answer is here."""
        started = time.perf_counter()
        self._socket.sendall(request)
        received = b""
        while True:
            part = self._socket.recv(65536)
            if not part:
                raise ConnectionError("the server closed the connection before its answer's end")
            received += part
            head, found, body = received.partition(b"\r\n\r\n")
            if found and is_whole(head.lower(), body):
                return time.perf_counter() - started

    def close(self) -> None:
        self._socket.close()


def measure_single_client(
    port: int, requests: Sequence[bytes], texts: Sequence[str], model: Model
) -> dict[str, float]:
    """Alternate between requests, one at a time, and raw session runs of their texts.

    Returns:
        Medians in seconds: `http`, `bare`, and `over`, the difference for the same text.
    """
    encoded = [model.encode(text) for text in texts]
    client = SingleClient(port)
    client.ask(requests[0])
    http: list[float] = []
    bare: list[float] = []
    for at in range(0, len(requests), TURN):
        http += [client.ask(request) for request in requests[at : at + TURN]]
        bare += [run_seconds(model, ids) for ids in encoded[at : at + TURN]]
    client.close()
    over = [own - alone for own, alone in zip(http, bare, strict=True)]
    return {"http": median(http), "bare": median(bare), "over": median(over)}
