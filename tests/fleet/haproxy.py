"""A real HAProxy on loopback with the configuration of `deploy/haproxy`."""

import csv
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.deployment.prometheus import wait_until

CONFIGURATION = Path(__file__).parents[2] / "deploy/haproxy/haproxy.cfg"
NEEDS_HAPROXY = pytest.mark.skipif(
    shutil.which("haproxy") is None, reason="haproxy is not installed: apt install haproxy"
)
SLOTS = "    server-template slot 1-8 127.0.0.1:1 disabled\n"
# What a Service of Kubernetes does: it spreads connections, and a refused one is the client's.
CONNECTIONS = """
listen connections
    mode tcp
    bind fd@{}
    balance roundrobin
    retries 0
    timeout client 1h
    timeout server 1h
"""


def configuration(requests: int, connections: int, admin: Path, *, retry: bool = True) -> str:
    """Return the repository's configuration with what a test knows better.

    Args:
        requests: descriptor of the socket for clients whose requests are spread.
        connections: the same for clients whose connections are spread.
        admin: where HAProxy is to be told which services there are.
        retry: whether a request that got no answer may be sent again.
    """
    text = CONFIGURATION.read_text()
    text = text.replace("global\n", f"global\n    stats socket {admin} mode 600 level admin\n", 1)
    text = re.sub(r"^    bind .*$", f"    bind fd@{requests}", text, flags=re.MULTILINE)
    text = re.sub(r"^    server .*\n", "", text, flags=re.MULTILINE)
    if not retry:
        text = re.sub(r"^    retry-on .*\n", "", text, flags=re.MULTILINE)
    return text + SLOTS + CONNECTIONS.format(connections) + SLOTS


class HAProxy:
    """A running HAProxy, which is told of services at its socket.

    Attributes:
        requests_port: for clients whose requests are spread, over services that pass its checks.
        connections_port: for clients whose connections are spread, whatever checks would say.
    """

    def __init__(self, requests_port: int, connections_port: int, admin: Path) -> None:
        self.requests_port, self.connections_port = requests_port, connections_port
        self._admin = admin
        self._free = [f"slot{n}" for n in range(8, 0, -1)]

    def add(self, port: int) -> str:
        """Let a service take its share; return the name that it has here."""
        slot = self._free.pop()
        for backend in ("classmark", "connections"):
            self.command(f"set server {backend}/{slot} addr 127.0.0.1 port {port}")
            self.command(f"set server {backend}/{slot} state ready")
        return slot

    def remove(self, slot: str) -> None:
        """Send a service nothing new; what is connected to it stays so."""
        for backend in ("classmark", "connections"):
            self.command(f"set server {backend}/{slot} state maint")

    def counts(self, name: str = "BACKEND") -> dict[str, str]:
        """Return what HAProxy counts of the requests to a service, or to all."""
        lines = self.command("show stat").removeprefix("# ").splitlines()
        rows = [row for row in csv.DictReader(lines) if row["pxname"] == "classmark"]
        return next(row for row in rows if row["svname"] == name)

    def sent(self, slot: str) -> int:
        return int(self.counts(slot)["stot"])

    def in_flight(self, slot: str) -> int:
        return int(self.counts(slot)["scur"])

    def sent_again(self) -> int:
        """Return how often a request that a service had been sent was sent again."""
        return int(self.counts()["wretr"])

    def is_up(self, slot: str) -> bool:
        return self.counts(slot)["status"] == "UP"

    def command(self, text: str) -> str:
        with socket.socket(socket.AF_UNIX) as admin:
            admin.settimeout(10)
            admin.connect(str(self._admin))
            admin.sendall(f"{text}\n".encode())
            with admin.makefile() as answer:
                return answer.read()


@contextmanager
def balancing(folder: Path, *, retry: bool = True) -> Iterator[HAProxy]:
    """Run HAProxy in a folder, without any service yet, until the block ends."""
    file, admin, log = folder / "haproxy.cfg", folder / "admin", folder / "haproxy.log"
    with (
        socket.create_server(("127.0.0.1", 0)) as requests,
        socket.create_server(("127.0.0.1", 0)) as connections,
        log.open("w") as output,
    ):
        listening = (requests.fileno(), connections.fileno())
        haproxy = HAProxy(requests.getsockname()[1], connections.getsockname()[1], admin)
        file.write_text(configuration(*listening, admin, retry=retry))
        command = ["haproxy", "-db", "-f", file]
        process = subprocess.Popen(command, pass_fds=listening, stdout=output, stderr=output)
    try:
        assert wait_until(admin.exists, 10), log.read_text()
        yield haproxy
    finally:
        process.kill()
        process.wait(10)
