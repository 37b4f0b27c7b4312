"""Inside Ray's replicas the service answers as it does alone."""

from pathlib import Path

import httpx
import pytest

from benchmarks.servers.servers import free_ports
from tests.deploy.ray.asking import answers
from tests.fleet.on_ray.control import Program
from tests.support.server import Server

pytestmark = pytest.mark.fleet


def test_answers_through_rays_proxy_are_the_services_own(
    ray_python: Path, tiny_store: Path, server: Server
) -> None:
    (port,) = free_ports(1)
    with Program(ray_python, "in_process.py", str(tiny_store), str(port)) as program:
        program.answer()
        address = f"http://127.0.0.1:{port}"
        with httpx.Client(base_url=address, trust_env=False, timeout=60) as client:
            found = answers(client)
    with server.client() as alone:
        assert found == answers(alone)
    assert found[0][0] == 200
