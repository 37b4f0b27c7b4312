"""Servers that Ray places: which there are, seen by the locks that they hold and by their ports."""

import sys
from collections.abc import Sequence
from pathlib import Path

import httpx

from benchmarks.servers.servers import free_ports
from tests.deployment.prometheus import wait_until
from tests.fleet.on_ray.control import ROOT, Cluster

SETTINGS = ("CLASSMARK_HOST=127.0.0.1", "CLASSMARK_DRAIN_SECONDS=6", f"PYTHONPATH={ROOT}")
STOP = "import ray; from ray import serve; ray.init(log_to_driver=False); serve.shutdown()"


class PlacedServers:
    """Servers of Ray's, run by the Python of these tests, which has no Ray."""

    def __init__(self, cluster: Cluster, store: Path, ports: int) -> None:
        self.ports = free_ports(ports)
        self._cluster = cluster
        self._store = store

    def place(self, *scale: str) -> None:
        """Return once as many are ready as Ray's AutoscalingConfig asks for at first."""
        self._cluster.drive(
            "-m", "classmark_ray", f"CLASSMARK_MODEL_STORE={self._store}", *SETTINGS,
            "--python", sys.executable, "--port", *map(str, self.ports), "--scale", *scale,
        )  # fmt: skip

    def stop(self) -> None:
        self._cluster.drive("-c", STOP)

    def ready(self) -> list[int]:
        """Return the ports where a server is ready."""
        return [port for port in self.ports if _health(port) == httpx.codes.OK]

    def drain(self) -> bool:
        """Tell whether a server still answers, and says that nothing more shall be sent."""
        return any(_health(port) == httpx.codes.SERVICE_UNAVAILABLE for port in self.ports)

    def wait_for(self, count: int, seconds: float = 60) -> None:
        assert wait_until(lambda: len(self.ready()) == count, seconds), self.ready()

    def processes(self) -> list[int]:
        """Return the ids of all servers on one of the ports, and of shells that have none."""
        wanted = {f"CLASSMARK_PORT={port}".encode() for port in self.ports}
        found = [pid for pid in _pids() if wanted & set(_environment(pid))]
        parents = {_parent(pid) for pid in found}
        return [pid for pid in found if pid not in parents]


def _health(port: int) -> int | None:
    """Return the status of readiness; None without an answer."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health/ready", trust_env=False).status_code
    except httpx.HTTPError:
        return None


def _pids() -> Sequence[int]:
    return [int(folder.name) for folder in Path("/proc").iterdir() if folder.name.isdigit()]


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def _environment(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []
