"""Runs what the boards look at: services on ports of their own, and a Prometheus."""

import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import yaml

PROMETHEUS = Path(__file__).parents[3] / "docker/prometheus"
START_SECONDS = 120
MODELS = ("sentiment", "topic", "ner")
KEYS = ("website", "nightly", "newsroom")


def make_store(models: Path, store: Path) -> None:
    """Copy the demo models, so that versions can come and go."""
    for name in MODELS:
        shutil.copytree(models / name, store / name, symlinks=False)


def publish(store: Path, name: str, version: int, *, damaged: bool = False) -> None:
    """Publish a model's first version once more under another number, whole or damaged."""
    coming = store.parent / f"{name}-{version}"
    shutil.copytree(store / name / "1", coming)
    manifest = json.loads((coming / "manifest.json").read_text())
    (coming / "manifest.json").write_text(json.dumps(manifest | {"version": version}))
    if damaged:
        graph = coming / manifest["graphs"]["int8"]["file"]
        graph.write_bytes(bytes(graph.stat().st_size))
    coming.rename(store / name / str(version))


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


class Service:
    """A service on a port that it keeps over a restart."""

    def __init__(self, store: Path, keys: Path) -> None:
        self.address = f"127.0.0.1:{free_port()}"
        settings = {
            "api_keys_file": keys,
            "cache_megabytes": 8,
            "executors": 1,
            "max_queue_seconds": 3,
            "model_store": store,
            "port": self.address.split(":")[1],
        }
        self._settings = {f"CLASSMARK_{k.upper()}": str(v) for k, v in settings.items()}
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "app"]
        environment = os.environ | self._settings
        self._process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
        wait_for(f"http://{self.address}/health/ready")

    def restart(self) -> None:
        self.stop()
        self.start()

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(60)


@contextmanager
def services(folder: Path, store: Path, count: int) -> Iterator[Sequence[Service]]:
    """Run services on a store until the block ends; a key's secret is its name."""
    keys = folder / "keys"
    hashed = {name: hashlib.sha256(name.encode()).hexdigest() for name in KEYS}
    keys.write_text("".join(f"{name} predict {digest}\n" for name, digest in hashed.items()))
    running: list[Service] = []
    try:
        running.extend(Service(store, keys) for _ in range(count))
        yield running
    finally:
        for service in running:
            service.stop()


@contextmanager
def prometheus(folder: Path, addresses: Sequence[str]) -> Iterator[str]:
    """Run Prometheus with the repository's rules until the block ends; yield its address."""
    job: Mapping[str, object] = {
        "job_name": "classmark",
        "static_configs": [{"targets": list(addresses)}],
    }
    config = {
        "global": {"scrape_interval": "5s", "scrape_timeout": "4s", "evaluation_interval": "5s"},
        "rule_files": [str(PROMETHEUS / "rules/*.yml")],
        "scrape_configs": [job],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    listen = f"127.0.0.1:{free_port()}"
    command = ["prometheus", f"--config.file={folder / 'prometheus.yml'}"]
    command += [f"--storage.tsdb.path={folder / 'data'}", f"--web.listen-address={listen}"]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        wait_for(f"http://{listen}/-/ready")
        yield f"http://{listen}"
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def feeding(address: str, cache: Path, topic: str, after: float) -> Iterator[None]:
    """Stream the demo's opinions until the block ends; a topic surges from a minute on."""
    command = [sys.executable, "-m", "demo.feed", "--url", f"http://{address}", "--rate", "6"]
    command += ["--key", "newsroom", "--surge", topic, "--after", str(after), "--surge-rate", "5"]
    process = subprocess.Popen([*command, "--cache", str(cache)])
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


def wait_for(url: str) -> None:
    """Wait until an address answers 200."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            if httpx.get(url, trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise TimeoutError(f"{url} is not ready after {START_SECONDS} s; run it by hand and see why")
