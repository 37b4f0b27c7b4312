"""The dashboard over a loaded service: a real service, a real Prometheus, real requests."""

import hashlib
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.deployment.bundles import write_bundle
from tests.deployment.files import expressions
from tests.deployment.prometheus import Prometheus, scraping
from tests.support.server import serving

DEADLINE_SECONDS = 60
# What Grafana puts in for its variables: a window of some scrapes, and "All".
VARIABLES = {"$__rate_interval": "5s", "$model": ".*"}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("prometheus") is None, reason="prometheus is not installed"),
]


def send_load(client: httpx.Client) -> None:
    """Send what callers send, mistakes included."""
    texts = ["good film", "bad", "good good film Paris", "film " * 40]
    answers = [
        (200, client.post("/v1/classify", json={"model": "mood", "inputs": texts * 4})),
        (200, client.post("/v1/ner", json={"inputs": texts})),
        (404, client.post("/v1/classify", json={"model": "nobody", "inputs": "good"})),
        (422, client.post("/v1/classify", json={"inputs": "good", "top_k": 0})),
        (400, client.post("/v1/ner", content=b"{", headers={"Content-Type": "application/json"})),
    ]
    assert [answer.status_code for _, answer in answers] == [status for status, _ in answers]


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[httpx.Client, Prometheus]]:
    """A service that has had requests, a new version and a damaged one, and its Prometheus."""
    store, folder = tmp_path_factory.mktemp("store"), tmp_path_factory.mktemp("prometheus")
    write_bundle(store, "mood", 1, "sequence-classification")
    write_bundle(store, "places", 1, "token-classification")
    keys = folder / "keys"
    keys.write_text(f"website predict {hashlib.sha256(b'a-key').hexdigest()}\n")
    with (
        serving(store, api_keys_file=keys) as server,
        server.client(headers={"Authorization": "Bearer a-key"}) as client,
        scraping(server.url.removeprefix("http://"), folder=folder) as prometheus,
    ):
        send_load(client)
        publish(store, "mood", 2)
        server.wait_for_log("model swapped.*version=2")
        publish(store, "mood", 3, damaged=True)
        server.wait_for_log("version refused.*version=3")
        yield client, prometheus


def publish(store: Path, name: str, version: int, *, damaged: bool = False) -> None:
    """Put a version into the store as an export does: whole, by a rename."""
    made = write_bundle(store.parent / "made", name, version, "sequence-classification")
    if damaged:
        graph = made / "model.fp32.onnx"
        graph.write_bytes(bytes(graph.stat().st_size))
    made.rename(store / name / str(version))


def test_every_query_of_dashboard_and_variables_returns_data(
    loaded: tuple[httpx.Client, Prometheus],
) -> None:
    client, prometheus = loaded
    # GPUs return data only where there are any.
    missing = {w: e for w, e in expressions().items() if "classmark_gpu" not in e}
    for variable, value in VARIABLES.items():
        missing = {where: e.replace(variable, value) for where, e in missing.items()}
    since, deadline = time.time() - 5, time.monotonic() + DEADLINE_SECONDS
    while missing and time.monotonic() < deadline:
        send_load(client)
        missing = {w: e for w, e in missing.items() if not prometheus.query(e, since)}
    assert missing == {}


def test_the_alert_for_the_damaged_version_fires_and_no_other(
    loaded: tuple[httpx.Client, Prometheus],
) -> None:
    client, prometheus = loaded
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not prometheus.firing() and time.monotonic() < deadline:
        send_load(client)
    assert prometheus.firing() == {"ClassmarkReloadFailed"}
