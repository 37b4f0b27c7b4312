"""New versions under load: no request may fail, and memory must return to its level."""

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
from benchmarks.errors import BenchmarkError
from benchmarks.gpu.device import memory_taken
from benchmarks.gpu.plan import GpuPlan
from benchmarks.gpu.subjects.bundles import LoadedNetwork
from benchmarks.load.wrk import ClosedLoopResult, closed_loop
from benchmarks.servers.contenders import CLASSMARK
from benchmarks.servers.servers import Server
from benchmarks.session import say

VERSIONS = (2, 3)
RELOAD_SECONDS = 120.0
SETTLE_SECONDS = 30.0
# The level may rise by this much, because allocators keep some blocks.
SLACK_BYTES = 256 * 2**20
CONNECTIONS = 32
TEXTS_EACH = 8


def measure_reload(
    loaded: LoadedNetwork,
    plan: GpuPlan,
    run: Callable[[LoadedNetwork], AbstractContextManager[Server]],
    texts: Sequence[str],
) -> dict[str, Any]:
    """Add two further versions of a copied bundle while the service is under load.

    Args:
        run: starts the service with the store of a network.

    Returns:
        Numbers of requests and failures, and the device memory before, at most and after.
    """
    with TemporaryDirectory(dir=plan.build) as folder:
        first = Path(folder) / loaded.network.name / "1"
        shutil.copytree(loaded.bundle.path, first)
        copied = dataclasses.replace(loaded, bundle=open_bundle(first))
        with run(copied) as server:
            return _swap_under_load(server, plan, first, texts)


def _swap_under_load(
    server: Server, plan: GpuPlan, first: Path, texts: Sequence[str]
) -> dict[str, Any]:
    bodies = [
        server.body(*texts[at : at + TEXTS_EACH])
        for at in range(0, len(texts) - TEXTS_EACH + 1, TEXTS_EACH)
    ]
    closed_loop(server.port, CLASSMARK.path, bodies, CONNECTIONS, 1)
    before = memory_taken(plan.device)
    with _MemoryWatch(plan.device) as watch:
        load = _BackgroundLoad(server, plan, bodies)
        seconds = [_swap(server, first, version) for version in VERSIONS]
        seen = load.wait()
    after = _settled_memory(plan.device, before)
    found = {
        "versions": len(VERSIONS),
        "seconds": seconds,
        "requests": seen.requests + seen.failed,
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
    """Put a version into the store; return the seconds until it serves."""
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
    url = f"http://127.0.0.1:{server.port}{CLASSMARK.path}"
    body = json.dumps({"model": name, "inputs": "ok"}).encode()
    request = Request(url, body, {"Content-Type": "application/json"})
    with build_opener(ProxyHandler({})).open(request, timeout=30) as response:
        return int(json.load(response)["version"])


def _settled_memory(device: str, before: int | None) -> int | None:
    """Wait until the level is back, at most SETTLE_SECONDS; return the level."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while (taken := memory_taken(device)) is not None and before is not None:
        if taken <= before + SLACK_BYTES or time.monotonic() > deadline:
            break
        time.sleep(0.2)
    return taken


class _BackgroundLoad:
    """A closed loop in the background that starts before the first swap."""

    def __init__(self, server: Server, plan: GpuPlan, bodies: Sequence[bytes]) -> None:
        self._seen: list[ClosedLoopResult] = []
        self._ended = threading.Event()
        self.ended_after_swaps = False

        def run() -> None:
            try:
                seconds = round(plan.reload_seconds)
                self._seen.append(
                    closed_loop(server.port, CLASSMARK.path, bodies, CONNECTIONS, seconds)
                )
            finally:
                self._ended.set()

        self._thread = threading.Thread(target=run)
        self._thread.start()

    def wait(self) -> ClosedLoopResult:
        """Return its result; note whether all swaps came before its end."""
        self.ended_after_swaps = not self._ended.is_set()
        self._thread.join()
        if not self._seen:
            raise BenchmarkError("wrk ended early under reload; see the traceback above")
        return self._seen[0]


class _MemoryWatch:
    """Samples the device memory and keeps the maximum."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._stop = threading.Event()
        self.most = memory_taken(device)
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> "_MemoryWatch":
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
