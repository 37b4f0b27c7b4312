"""A real Alertmanager."""

import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.deployment.prometheus import wait_until

PROGRAM = "prometheus-alertmanager"  # as Debian calls it


class Alertmanager:
    """Its HTTP interface.

    Attributes:
        address: host and port.
    """

    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        self.address = client.base_url.netloc.decode()

    def is_ready(self) -> bool:
        try:
            return self._client.get("/-/ready").status_code == 200
        except httpx.TransportError:
            return False

    def post(self, *alerts: Mapping[str, str]) -> None:
        """Fire alerts of these labels."""
        told = [{"labels": one, "annotations": {"summary": one["alertname"]}} for one in alerts]
        answer = self._client.post("/api/v2/alerts", json=told)
        assert answer.status_code == 200, answer.text

    def come_to(self, expected: dict[str, str]) -> bool:
        """Wait until the states are as expected; who suppresses whom is found after a post."""
        return wait_until(lambda: self.states() == expected, 30)

    def states(self) -> dict[str, str]:
        """Return by alert's name whether it is told of: `active`, or `suppressed` by another."""
        alerts = self._client.get("/api/v2/alerts").json()
        return {one["labels"]["alertname"]: one["status"]["state"] for one in alerts}


@contextmanager
def alerting(config: Any, folder: Path) -> Iterator[Alertmanager]:
    """Run Alertmanager in a folder, with its configuration, until the block ends."""
    file = folder / "alertmanager.yml"
    file.write_text(yaml.safe_dump(config))
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [PROGRAM, f"--config.file={file}", f"--storage.path={folder / 'alertmanager'}"]
    command += [f"--web.listen-address={address}", "--cluster.listen-address="]
    client = httpx.Client(base_url=f"http://{address}", timeout=30, trust_env=False)
    log = folder / "alertmanager.log"
    with client, log.open("w") as out, subprocess.Popen(command, stderr=out) as process:
        try:
            alertmanager = Alertmanager(client)
            assert wait_until(alertmanager.is_ready, 30), log.read_text()
            yield alertmanager
        finally:
            process.terminate()
