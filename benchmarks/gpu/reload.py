"""New versions under load: no request may fail, and the old version's memory must come back."""

import dataclasses
import json
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.request import ProxyHandler, Request, build_opener

from app.bundle import open_bundle
from benchmarks.closed_loop import Seen
from benchmarks.errors import BenchmarkError
from benchmarks.gpu.device import memory_taken
from benchmarks.gpu.load import PATH
from benchmarks.gpu.plan import Plan
from benchmarks.gpu.progress import say
from benchmarks.gpu.runners import Subject
from benchmarks.load.generator import load_closed
from benchmarks.servers.servers import Server

VERSIONS = (2, 3)
RELOAD_SECONDS = 120.0
SETTLE_SECONDS = 30.0
# What the level may rise by: allocators keep some blocks.
SLACK_BYTES = 256 * 2**20
CONNECTIONS = 32
TEXTS_EACH = 8


def measure_reload(
    subject: Subject,
    plan: Plan,
    run: Callable[[Subject], AbstractContextManager[Server]],
    texts: Sequence[str],
) -> dict[str, Any]:
    """Swap in two further versions of a copied bundle while the service is loaded.

    Args:
        run: starts the service with a subject's store.

    Returns:
        Requests, failed and refused ones, and the device's memory before, at most and after.
    """
    with TemporaryDirectory(dir=plan.build) as folder:
        first = Path(folder) / subject.network.name / "1"
        shutil.copytree(subject.bundle.path, first)
        copied = dataclasses.replace(subject, bundle=open_bundle(first))
        with run(copied) as server:
            return _swap_under_load(server, plan, first, texts)


def _swap_under_load(
    server: Server, plan: Plan, first: Path, texts: Sequence[str]
) -> dict[str, Any]:
    bodies = [
        server.body(*texts[at : at + TEXTS_EACH])
        for at in range(0, len(texts) - TEXTS_EACH + 1, TEXTS_EACH)
    ]
    load_closed(server.port, PATH, bodies, CONNECTIONS, 1.0, plan.processes)
    before = memory_taken(plan.device)
    with _Watch(plan.device) as watch:
        load = _Load(server, plan, bodies)
        seconds = [_swap(server, first, version) for version in VERSIONS]
        seen = load.wait()
    after = _settled_memory(plan.device, before)
    found = {
        "versions": len(VERSIONS),
        "seconds": seconds,
        "requests": len(seen.latencies) + seen.refused + seen.failed,
        "failed": seen.failed + seen.refused,
        "swapped_in_time": load.ended_after_swaps,
        "memory_before": before,
        "memory_most": watch.most,
        "memory_after": after,
        "memory_slack": SLACK_BYTES,
    }
    say(f"  reload under load: {found['requests']} requests, {found['failed']} failed")
    return found


def _swap(server: Server, first: Path, version: int) -> float:
    """Put a further version into the store and have it loaded; return the seconds that took."""
    target = first.with_name(str(version))
    staged = first.with_name(f".{version}")
    shutil.copytree(first, staged)
    manifest = json.loads((staged / "manifest.json").read_text())
    (staged / "manifest.json").write_text(json.dumps(manifest | {"version": version}))
    started = time.perf_counter()
    staged.rename(target)
    deadline = started + RELOAD_SECONDS
    while time.perf_counter() < deadline:
        if _served_version(server, first.parent.name) == version:
            return time.perf_counter() - started
        time.sleep(0.1)
    raise BenchmarkError(f"version {version} was not loaded within {RELOAD_SECONDS:.0f} s")


def _served_version(server: Server, name: str) -> int:
    url = f"http://127.0.0.1:{server.port}{PATH}"
    body = json.dumps({"model": name, "inputs": "ok"}).encode()
    request = Request(url, body, {"Content-Type": "application/json"})
    with build_opener(ProxyHandler({})).open(request, timeout=30) as response:
        return int(json.load(response)["version"])


def _settled_memory(device: str, before: int | None) -> int | None:
    """Wait until the level is back, or for so long; return the level then."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while (taken := memory_taken(device)) is not None and before is not None:
        if taken <= before + SLACK_BYTES or time.monotonic() > deadline:
            break
        time.sleep(0.2)
    return taken


class _Load:
    """A closed loop in the background, from before the first swap."""

    def __init__(self, server: Server, plan: Plan, bodies: Sequence[bytes]) -> None:
        self._seen = Seen()
        self._ended = threading.Event()
        self.ended_after_swaps = False

        def run() -> None:
            self._seen = load_closed(
                server.port, PATH, bodies, CONNECTIONS, plan.reload_seconds, plan.processes
            )
            self._ended.set()

        self._thread = threading.Thread(target=run)
        self._thread.start()

    def wait(self) -> Seen:
        """Return what it saw; note whether all swaps came before its end."""
        self.ended_after_swaps = not self._ended.is_set()
        self._thread.join()
        return self._seen


class _Watch:
    """Samples the device's memory and keeps the most it saw."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._stop = threading.Event()
        self.most = memory_taken(device)
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> "_Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.1):
            taken = memory_taken(self._device)
            if taken is not None and self.most is not None:
                self.most = max(self.most, taken)
