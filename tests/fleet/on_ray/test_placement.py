"""Ray places servers on three nodes of this machine, and HAProxy balances between them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.deployment.prometheus import wait_until
from tests.fleet.haproxy import NEEDS_HAPROXY, HAProxy, balancing
from tests.fleet.load import REQUESTS_A_SECOND, Load, Question, asking
from tests.fleet.on_ray.control import Cluster, cluster
from tests.fleet.on_ray.placed import PlacedServers

pytestmark = [pytest.mark.fleet, NEEDS_HAPROXY]


@contextmanager
def behind_haproxy(servers: PlacedServers, folder: Path, *, retry: bool) -> Iterator[HAProxy]:
    """Run HAProxy that knows every node's port; its checks decide who serves."""
    with balancing(folder, retry=retry) as haproxy:
        slots = [haproxy.add(port) for port in servers.ports]
        ready = len(servers.ready())
        assert wait_until(lambda: sum(map(haproxy.is_up, slots)) == ready, 20)
        yield haproxy


@contextmanager
def placed(nodes: Cluster, store: Path, count: int) -> Iterator[PlacedServers]:
    """Place servers, with a port to spare, and see in the end that none is left."""
    servers = PlacedServers(nodes, store, ports=count + 1)
    servers.place(f"min_replicas={count}", f"max_replicas={count}")
    assert len(servers.ready()) == len(servers.processes()) == count
    yield servers
    servers.stop()
    assert not servers.processes()


def in_flight(load: Load, since: float) -> int:
    """Return how many requests were sent before a moment and had not ended by then."""
    return sum(one.sent <= since <= one.ended for one in load.outcomes)


# Told on every node: how long it lives on without a head; else a minute.
OUTLIVES_HEAD = {"RAY_gcs_rpc_server_reconnect_timeout_s": "3600"}


def test_a_killed_node_costs_no_request_and_one_that_joins_gets_a_server(
    ray_python: Path,
    store: Path,
    tmp_path: Path,
    questions: Sequence[Question],
    measured: dict[str, str],
) -> None:
    with (
        cluster(ray_python, nodes=3) as nodes,
        placed(nodes, store, 3) as servers,
        behind_haproxy(servers, tmp_path, retry=True) as haproxy,
        asking(haproxy.requests_port, questions) as load,
    ):
        load.wait_for(120)
        nodes.tell("kill node1")
        servers.wait_for(2)
        load.wait_for(120)
        nodes.tell("add node3 1")
        servers.wait_for(3)
        load.wait_for(120)
        assert not load.faults
        again = haproxy.sent_again()
    measured["Ray, a node killed and one joined, with retry"] = (
        f"{len(load.outcomes)} requests, 0 failed, {again} sent again"
    )


def test_without_retries_a_killed_node_costs_what_is_in_flight_at_most(
    ray_python: Path,
    store: Path,
    tmp_path: Path,
    questions: Sequence[Question],
    measured: dict[str, str],
) -> None:
    with (
        cluster(ray_python, nodes=2) as nodes,
        placed(nodes, store, 2) as servers,
        behind_haproxy(servers, tmp_path, retry=False) as haproxy,
        asking(haproxy.requests_port, questions) as load,
    ):
        load.wait_for(120)
        nodes.tell("kill node1")
        servers.wait_for(1)
        load.wait_for(120)
    died = min((one.ended for one in load.faults), default=0.0)
    held = in_flight(load, died)
    measured["Ray, a node killed, without retry"] = (
        f"{len(load.outcomes)} requests, {len(load.faults)} failed of {held} in flight"
    )
    assert len(load.faults) <= held


def test_the_server_of_a_killed_node_drains(ray_python: Path, store: Path) -> None:
    with cluster(ray_python, nodes=1) as nodes:
        servers = PlacedServers(nodes, store, ports=1)
        servers.place("min_replicas=1", "max_replicas=1")
        nodes.tell("kill node0")
        assert wait_until(servers.drain, 30)
        assert wait_until(lambda: not servers.processes(), 60)


def test_traffic_goes_on_when_the_head_is_gone(
    ray_python: Path,
    store: Path,
    tmp_path: Path,
    questions: Sequence[Question],
    measured: dict[str, str],
) -> None:
    with cluster(ray_python, nodes=2, **OUTLIVES_HEAD) as nodes:
        servers = PlacedServers(nodes, store, ports=2)
        servers.place("min_replicas=2", "max_replicas=2")
        before = set(servers.processes())
        with (
            behind_haproxy(servers, tmp_path, retry=False) as haproxy,
            asking(haproxy.requests_port, questions) as load,
        ):
            load.wait_for(60)
            nodes.tell("kill-head")
            # For longer than the minute after which nodes give up by default.
            load.wait_for(int(75 * REQUESTS_A_SECOND))
            assert set(servers.processes()) == before
        assert not load.faults
        measured["Ray, without its head"] = f"{len(load.outcomes)} requests, 0 failed"
    assert wait_until(lambda: not servers.processes(), 30), "servers outlive their nodes"
