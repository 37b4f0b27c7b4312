"""The load generators count answers, refusals and failures apart."""

import shutil
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from benchmarks.errors import BenchmarkError
from benchmarks.load import wrk
from benchmarks.load.generator import load_open, obey
from benchmarks.load.wrk import check_installed, closed_loop


class Handler(BaseHTTPRequestHandler):
    """Answers every second request to /mixed with 429, and all else with 200."""

    protocol_version = "HTTP/1.1"
    count = 0
    bodies: set[bytes] = set()

    def do_POST(self) -> None:
        Handler.bodies.add(self.rfile.read(int(self.headers["Content-Length"])))
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
    Handler.bodies.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.mark.skipif(shutil.which("wrk") is None, reason="needs wrk")
def test_wrk_posts_every_body_and_counts_refusals_apart(port: int) -> None:
    closed = closed_loop(port, "/mixed", [b"{}", b'{"a": 1}'], connections=4, seconds=1)
    assert closed.failed == 0
    assert 0 < closed.refused < closed.requests
    assert 0 < closed.p50 <= closed.p90 <= closed.p99
    assert closed.answers_per_second == (closed.requests - closed.refused) / closed.seconds
    assert Handler.bodies == {b"{}", b'{"a": 1}'}


def test_without_wrk_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wrk.shutil, "which", lambda _: None)
    with pytest.raises(BenchmarkError, match="apt-get install wrk"):
        check_installed()


def test_an_open_loop_of_several_processes_loses_nothing(port: int) -> None:
    found = load_open(port, "/", [b"{}"], rate=100, seconds=0.3, processes=2)
    assert found.unanswered == 0
    assert found.sent == len(found.latencies()) > 0


def test_the_refusals_of_several_processes_are_summed(port: int) -> None:
    found = load_open(port, "/mixed", [b"{}"], rate=200, seconds=0.3, processes=2)
    assert found.sent == len(found.latencies(200)) + len(found.latencies(429))
    assert found.latencies(429)


def test_a_server_that_is_not_there_leaves_every_request_unanswered() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but nobody listens
        order = {"port": taken.getsockname()[1], "path": "/", "bodies": ["{}"], "rate": 100.0,
                 "seconds": 0.2, "seed": 1, "start": 0.0}  # fmt: skip
        found = obey(order)
    assert found.sent == found.unanswered > 0
    assert found.latencies() == []
