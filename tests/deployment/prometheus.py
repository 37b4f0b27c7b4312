"""A real Prometheus, which scrapes services as docker/prometheus says."""

import re
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.deployment.files import PROMETHEUS, RULES, load_yaml

POLL_SECONDS = 0.2
RECEIVES_WRITES = "--web.enable-remote-write-receiver"


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

    def values(self, expression: str, at: float | None = None) -> list[float]:
        """Evaluate at a moment, by default now, as KEDA does; return the value of each series."""
        moment = {"query": expression} | ({} if at is None else {"time": str(at)})
        answer = self._client.post("/api/v1/query", data=moment)
        assert answer.status_code == 200, answer.text
        return [float(one["value"][1]) for one in answer.json()["data"]["result"]]

    def samples(self, selector: str) -> list[dict[str, Any]]:
        """Return the series of a range as they were recorded, without a step between samples."""
        answer = self._client.post("/api/v1/query", data={"query": selector})
        assert answer.status_code == 200, answer.text
        series: list[dict[str, Any]] = answer.json()["data"]["result"]
        return series

    @property
    def url(self) -> str:
        return str(self._client.base_url)

    def write(self, request: bytes) -> None:
        """Store what tests.fleet.remote_write encoded; `running` needs RECEIVES_WRITES for it."""
        headers = {
            "Content-Encoding": "snappy",
            "Content-Type": "application/x-protobuf",
            "X-Prometheus-Remote-Write-Version": "0.1.0",
        }
        answer = self._client.post("/api/v1/write", content=request, headers=headers)
        assert answer.status_code == 204, answer.text

    def rules(self) -> list[dict[str, Any]]:
        """Return every rule with its health, and its last error if it has one."""
        groups = self._client.get("/api/v1/rules").json()["data"]["groups"]
        return [rule for group in groups for rule in group["rules"]]

    def exemplars(self, expression: str) -> list[str]:
        """Return the traces that the series of an expression name, of the last minute."""
        window = {"query": expression, "start": time.time() - 60, "end": time.time()}
        answer = self._client.get("/api/v1/query_exemplars", params=window)
        assert answer.status_code == 200, answer.text
        return [
            exemplar["labels"]["trace_id"]
            for series in answer.json()["data"]
            for exemplar in series["exemplars"]
        ]

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
def running(config: Any, folder: Path, *options: str) -> Iterator[Prometheus]:
    """Run Prometheus in a folder, with its configuration, until the block ends."""
    (folder / PROMETHEUS.name).write_text(yaml.safe_dump(config))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = ["prometheus", f"--config.file={folder / PROMETHEUS.name}", *options]
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


@contextmanager
def scraping(
    *addresses: str, folder: Path, labels: Mapping[str, str] | None = None
) -> Iterator[Prometheus]:
    """Run Prometheus in a folder until the block ends, on the services at some addresses.

    The repository's configuration is changed in three things: where the services are, and what
    labels they get, that a second is as good as five or more, and that nobody is told of alerts.
    """
    config = {k: v for k, v in load_yaml(PROMETHEUS).items() if k != "alerting"}
    job = next(job for job in config["scrape_configs"] if job["job_name"] == "classmark")
    job = {k: v for k, v in job.items() if k not in ("dns_sd_configs", "relabel_configs")}
    job["static_configs"] = [{"targets": list(addresses), "labels": dict(labels or {})}]
    seconds = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    config = config | {"global": config["global"] | seconds, "scrape_configs": [job]}
    (folder / "rules").mkdir()
    for file in RULES:
        often = re.sub(r"^ +interval: .*\n", "", file.read_text(), flags=re.MULTILINE)
        (folder / "rules" / file.name).write_text(often)
    with running(config, folder) as prometheus:
        yield prometheus
