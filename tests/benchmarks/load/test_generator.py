"""The closed loop keeps its connections busy, and counts what goes wrong."""

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from benchmarks.closed_loop import Seen, closed_loop
from benchmarks.load.generator import load_closed, load_open
from benchmarks.load.open_loop import post


class Handler(BaseHTTPRequestHandler):
    """Answers every second request to /mixed with 429, and all else with 200."""

    protocol_version = "HTTP/1.1"
    count = 0

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        Handler.count += 1
        refused = self.path == "/mixed" and Handler.count % 2
        self.send_response(429 if refused else 200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def port() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def test_answers_and_refusals_are_counted_apart(port: int) -> None:
    seen = closed_loop(port, [post("/mixed", b"{}")], connections=4, seconds=0.2)
    assert seen.failed == 0
    assert seen.refused > 0
    assert len(seen.latencies) > 0
    assert all(0 < one < 10 for one in seen.latencies)


def test_several_processes_are_summed(port: int) -> None:
    seen = load_closed(port, "/", [b"{}", b'{"a": 1}'], connections=3, seconds=0.2, processes=2)
    closed = seen.as_closed()
    assert (closed.refused, closed.failed) == (0, 0)
    assert closed.requests == len(seen.latencies) > 0
    assert closed.p50 <= closed.p90 <= closed.p99


def test_an_open_loop_of_several_processes_loses_nothing(port: int) -> None:
    seen = load_open(port, "/", [b"{}"], rate=100, seconds=0.3, processes=2)
    assert seen.failed == seen.refused == 0
    assert len(seen.latencies) > 0


def test_a_server_that_is_not_there_fails_every_connection() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but nobody listens
        seen = closed_loop(taken.getsockname()[1], [post("/", b"{}")], 2, seconds=5)
    assert (seen.failed, seen.latencies) == (2, [])


def test_nothing_seen_has_no_percentiles() -> None:
    closed = Seen(seconds=1.0).as_closed()
    assert (closed.requests, closed.answers_per_second) == (0, 0)
    assert closed.p99 != closed.p99
