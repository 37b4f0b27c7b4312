"""The queries of the chart's ScaledObject over two real services, by a real Prometheus."""

import asyncio
import shutil
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.deployment.prometheus import scraping, wait_until
from tests.fleet.helm import NAMESPACE, VALUE_SETS, one, render
from tests.fleet.scaling import desired, queries, thresholds
from tests.support.load import Call, Clients
from tests.support.server import Server, serving

pytestmark = [
    pytest.mark.fleet,
    pytest.mark.skipif(shutil.which("prometheus") is None, reason="apt install prometheus"),
]

STORE = Path(__file__).parents[2] / "models"


@contextmanager
def loaded(servers: list[Server]) -> Iterator[None]:
    """Ask each service from more connections than it has executors, until the block ends."""
    calls = [Call.post("/v1/classify", {"model": "sentiment", "inputs": ["a film " * 20] * 16})]
    clients = [Clients(server.url, calls, lambda *_: None) for server in servers]

    async def ask() -> None:
        await asyncio.gather(*(each.run(4) for each in clients))

    thread = threading.Thread(target=lambda: asyncio.run(ask()))
    thread.start()
    try:
        yield
    finally:
        for each in clients:
            each.stop()
        thread.join()
    assert all(set(each.tally.statuses) == {200} for each in clients)


def test_two_real_services_give_each_query_one_value_that_follows_their_load(
    tmp_path: Path,
) -> None:
    spec = one(render(*VALUE_SETS["bucket"], settings={"executors": 1}), "ScaledObject")["spec"]
    labels = {"namespace": NAMESPACE, "service": "classmark"}

    def wanted() -> int:
        (busy,), (wait,) = (prometheus.values(query) for query in queries(spec))
        return desired(2, [busy, wait], thresholds(spec))

    with ExitStack() as stack:
        servers = [stack.enter_context(serving(STORE, executors=1)) for _ in range(2)]
        addresses = [server.url.removeprefix("http://") for server in servers]
        prometheus = stack.enter_context(scraping(*addresses, folder=tmp_path, labels=labels))
        assert wait_until(
            lambda: all(len(prometheus.values(query)) == 1 for query in queries(spec)), 30
        )
        assert wanted() == 0
        with loaded(servers):
            assert wait_until(lambda: wanted() > 2, 100)
