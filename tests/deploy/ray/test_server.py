"""A node's server is its replica's child, on a port that nobody else has."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from classmark_ray.server import OwnServer, ServerError, ServerOptions

from benchmarks.servers.servers import free_ports
from tests.deployment.bundles import write_bundle
from tests.deployment.prometheus import wait_until

ROOT = Path(__file__).parents[3]
# Makes a server, says which, and waits to be killed.
OWNER = """
import sys
from classmark_ray.server import OwnServer, ServerOptions
server = OwnServer(eval(sys.argv[1]))
print(server.pid, flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = tmp_path_factory.mktemp("store")
    write_bundle(store, "mood", 1, "sequence-classification")
    return store


def options(
    store: Path, ports: list[int], start_seconds: float = 60, drain_seconds: int = 0
) -> ServerOptions:
    settings = {
        "CLASSMARK_MODEL_STORE": str(store),
        "CLASSMARK_HOST": "127.0.0.1",
        "CLASSMARK_DRAIN_SECONDS": str(drain_seconds),
        "PYTHONPATH": str(ROOT),
    }
    return ServerOptions(sys.executable, settings, ports, start_seconds, stop_seconds=30)


@pytest.fixture
def stranger() -> Iterator[int]:
    """The port of a program that says it is well, whatever it is asked."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_two_servers_of_a_node_have_two_ports_and_the_next_waits_for_one(store: Path) -> None:
    ports = free_ports(2)
    one = OwnServer(options(store, ports))
    two = OwnServer(options(store, ports))
    try:
        assert [one.port, two.port] == ports
        assert '"ok"' in one.ask("/health/live")
        with pytest.raises(ServerError, match=f"no port of {ports[0]}, {ports[1]} is free"):
            OwnServer(options(store, ports, start_seconds=0.5))
        one.stop()
        with pytest.raises(ServerError, match="has ended"):
            one.ask("/health/live")
        one = OwnServer(options(store, ports))
        assert one.port == ports[0]
    finally:
        one.stop()
        two.stop()


def test_a_stranger_that_answers_is_not_taken_for_the_server(store: Path, stranger: int) -> None:
    with pytest.raises(ServerError, match=f"no port of {stranger} is free"):
        OwnServer(options(store, [stranger], start_seconds=0.5))


def test_a_server_that_cannot_start_says_so(store: Path) -> None:
    with pytest.raises(ServerError, match="has ended with"):
        OwnServer(options(store / "none", free_ports(1)))


def test_a_killed_owner_leaves_a_server_that_drains_and_ends(store: Path) -> None:
    given = repr(options(store, free_ports(1), drain_seconds=1))
    pipe = subprocess.PIPE
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, given], stdin=pipe, stdout=pipe, stderr=pipe, text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT / "deploy/ray")},
    )  # fmt: skip
    assert owner.stdout is not None
    server = int(owner.stdout.readline())
    os.kill(owner.pid, signal.SIGKILL)
    _, log = owner.communicate(timeout=60)  # the server has its end of the pipe
    assert "draining seconds=1" in log
    assert "stopped at once" not in log
    assert wait_until(lambda: not Path(f"/proc/{server}").exists(), 30)
