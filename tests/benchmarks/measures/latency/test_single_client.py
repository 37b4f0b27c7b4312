"""One client at a time, over a real socket."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from benchmarks.load.open_loop import post
from benchmarks.measures.latency.single_client import SingleClient


@contextmanager
def answering(*parts: bytes) -> Iterator[int]:
    """Answer each request with the parts, one send each, then close."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                for part in parts:
                    assert connection.recv(1000)
                    connection.sendall(part)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(30)


def test_each_request_has_a_latency() -> None:
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
    with answering(whole, whole) as port:
        client = SingleClient(port)
        assert all(client.ask(post("/", b"{}")) > 0 for _ in range(2))
        client.close()


def test_an_answer_that_ends_too_soon_is_an_error() -> None:
    with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{}") as port:
        client = SingleClient(port)
        with pytest.raises(ConnectionError, match="before its answer's end"):
            client.ask(post("/", b"{}"))
        client.close()
