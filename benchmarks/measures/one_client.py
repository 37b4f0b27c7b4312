"""One client alone: a blocking socket, which adds the least of its own to what it measures."""

import socket
import time

from benchmarks.load.open_loop import is_whole


class OneClient:
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
