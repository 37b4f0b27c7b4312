"""Ray starts servers by how busy their executors are, and ends them when they are not."""

import asyncio
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.fleet.haproxy import NEEDS_HAPROXY, balancing
from tests.fleet.on_ray.control import cluster
from tests.fleet.on_ray.placed import PlacedServers
from tests.support.load import Call, Clients

pytestmark = [pytest.mark.fleet, NEEDS_HAPROXY]

# A batch of these takes an executor much longer than what is around it.
CALL = Call.post("/v1/classify", {"model": "sentiment", "inputs": ["a good film " * 10] * 16})
CLIENTS = 4
OFTEN = {"RAY_SERVE_REPLICA_AUTOSCALING_METRIC_PUSH_INTERVAL_S": "1"}
SOON = ("upscale_delay_s=3", "downscale_delay_s=5", "look_back_period_s=11")


@contextmanager
def saturating(port: int) -> Iterator[Clients]:
    """Ask as fast as answers come, until the block ends."""
    clients = Clients(f"http://127.0.0.1:{port}", [CALL], lambda number, body: None)
    with ThreadPoolExecutor(1) as thread:
        running = thread.submit(asyncio.run, clients.run(CLIENTS))
        try:
            yield clients
        finally:
            clients.stop()
            running.result()


def test_a_server_is_added_under_load_and_leaves_without_it(
    ray_python: Path, demo_store: Path, tmp_path: Path, measured: dict[str, str]
) -> None:
    shutil.copytree(demo_store / "sentiment", tmp_path / "store/sentiment")
    with cluster(ray_python, nodes=2, **OFTEN) as nodes, balancing(tmp_path) as haproxy:
        servers = PlacedServers(nodes, tmp_path / "store", ports=2)
        servers.place("min_replicas=1", "max_replicas=2", *SOON)
        for port in servers.ports:
            haproxy.add(port)
        servers.wait_for(1)
        with saturating(haproxy.requests_port) as clients:
            servers.wait_for(2, seconds=150)
        assert clients.tally.unanswered == 0
        assert set(clients.tally.statuses) == {200}
        servers.wait_for(1, seconds=150)
        measured["Ray, scaling"] = (
            f"1, 2, 1 servers; {clients.tally.answered} requests, none failed"
        )
        servers.stop()
        assert not servers.processes()
