"""A real Prometheus that scrapes one service as docker/prometheus says."""

import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.deployment.files import ALERTS, PROMETHEUS, load_yaml

POLL_SECONDS = 0.2


class Prometheus:
    """Its HTTP interface."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def is_ready(self) -> bool:
        try:
            return self._client.get("/-/ready").status_code == 200
        except httpx.TransportError:
            return False

    def query(self, expression: str, since: float) -> list[dict[str, Any]]:
        """Evaluate as Grafana does, over a time; return the series that have a number in it."""
        window = {"query": expression, "start": since, "end": time.time(), "step": 1}
        answer = self._client.post("/api/v1/query_range", data=window)
        assert answer.status_code == 200, answer.text
        series: list[dict[str, Any]] = answer.json()["data"]["result"]
        return [one for one in series if any(value != "NaN" for _, value in one["values"])]

    def firing(self) -> set[str]:
        """Return the names of the alerts that fire."""
        alerts = self._client.get("/api/v1/alerts").json()["data"]["alerts"]
        return {a["labels"]["alertname"] for a in alerts if a["state"] == "firing"}


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Poll until a condition holds; return whether it came to hold in time."""
    deadline = time.monotonic() + seconds
    while not (held := condition()) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    return held


@contextmanager
def scraping(address: str, folder: Path) -> Iterator[Prometheus]:
    """Run Prometheus in a folder until the block ends, on the service at an address.

    The repository's configuration is changed in two things: where the service is, and that a second
    is as good as five.
    """
    config = load_yaml(PROMETHEUS)
    job = next(job for job in config["scrape_configs"] if job["job_name"] == "classmark")
    job = {k: v for k, v in job.items() if k != "dns_sd_configs"}
    job["static_configs"] = [{"targets": [address]}]
    seconds = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    config = config | {"global": config["global"] | seconds, "scrape_configs": [job]}
    (folder / PROMETHEUS.name).write_text(yaml.safe_dump(config))
    shutil.copy(ALERTS, folder)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = ["prometheus", f"--config.file={folder / PROMETHEUS.name}"]
    command += [f"--storage.tsdb.path={folder / 'data'}", f"--web.listen-address=127.0.0.1:{port}"]
    client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False)
    with (
        client,
        (folder / "log").open("w") as log,
        subprocess.Popen(command, stderr=log) as process,
    ):
        try:
            prometheus = Prometheus(client)
            assert wait_until(prometheus.is_ready, 30), (folder / "log").read_text()
            yield prometheus
        finally:
            process.terminate()
