"""A real Alertmanager, which tells one webhook of every alert."""

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import yaml

from tests.deployment.prometheus import wait_until

PROGRAM = "prometheus-alertmanager"  # as Debian calls it


@contextmanager
def alerting(folder: Path, webhook: str, group_wait: str, group_interval: str) -> Iterator[str]:
    """Run Alertmanager in a folder until the block ends; yield its host and port."""
    route = {
        "receiver": "webhook",
        "group_by": ["alertname", "topic"],
        "group_wait": group_wait,
        "group_interval": group_interval,
    }
    receivers = [{"name": "webhook", "webhook_configs": [{"url": webhook}]}]
    config = folder / "alertmanager.yml"
    config.write_text(yaml.safe_dump({"route": route, "receivers": receivers}))
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [PROGRAM, f"--config.file={config}", f"--storage.path={folder / 'alertmanager'}"]
    command += [f"--web.listen-address={address}", "--cluster.listen-address="]
    log = folder / "alertmanager.log"
    with log.open("w") as out, subprocess.Popen(command, stderr=out, stdout=out) as process:
        try:
            assert wait_until(lambda: _is_ready(address), 30), log.read_text()
            yield address
        finally:
            process.terminate()


def _is_ready(address: str) -> bool:
    try:
        return httpx.get(f"http://{address}/-/ready", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False
