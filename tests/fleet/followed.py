"""A service that follows a bucket under load, and what is done to the bucket."""

import asyncio
import json
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.fleet.s3 import URL
from tests.support.load import Call, Clients
from tests.support.server import Server, serving

TEXTS = ["good film", "bad film", "Paris good", "film film bad"]


def store(*arguments: str) -> str:
    """Run `classmark store`, and return what it prints."""
    command = [sys.executable, "-m", "classmark", "store", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class Load:
    """Clients that ask all the time, and what they were told by which version."""

    def __init__(self, server: Server) -> None:
        calls = [Call.post("/v1/classify", {"model": "mood", "inputs": text}) for text in TEXTS]
        self.told: defaultdict[tuple[int, int], set[str]] = defaultdict(set)
        self._clients = Clients(server.url, calls, self._note)
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        asyncio.run(self._clients.run(8))

    def _note(self, number: int, answer: Any) -> None:
        told = self.told[answer["version"], number % len(TEXTS)]
        told.add(json.dumps(answer["results"], sort_keys=True))

    @property
    def versions(self) -> set[int]:
        return {version for version, _ in self.told}

    def wait_for(self, version: int) -> None:
        """Wait until this version has answered every text."""
        deadline = time.monotonic() + 60
        while any((version, number) not in self.told for number in range(len(TEXTS))):
            assert time.monotonic() < deadline, f"version {version} never answered"
            time.sleep(0.05)

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        self._clients.stop()
        self._thread.join()


@contextmanager
def loaded(cache: Path, **settings: Any) -> Iterator[tuple[Server, Load]]:
    """Run a service on the bucket under load; check at the end that no request was lost."""
    where = {"store_cache": cache, "store_poll_seconds": 1, "executors": 1} | settings
    with serving(URL, **where) as server:
        load = Load(server)
        load.start()
        try:
            yield server, load
        finally:
            load.end()
        tally = load._clients.tally
        assert (set(tally.statuses), tally.unanswered) == ({200}, 0)
        assert tally.answered > 100
        assert all(len(told) == 1 for told in load.told.values())  # a version always says the same


def value(server: Server, metric: str) -> float:
    with server.client() as client:
        lines = client.get("/metrics").text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(f"classmark_{metric}"))


def wait_for_looks(server: Server, looks: int = 2) -> None:
    """Wait until the service has looked at the bucket this often again."""
    for _ in range(looks):
        before = value(server, "store_sync_age_seconds")
        deadline = time.monotonic() + 60
        while (age := value(server, "store_sync_age_seconds")) >= before:
            assert time.monotonic() < deadline, "the bucket is not looked at"
            before = age
            time.sleep(0.1)
