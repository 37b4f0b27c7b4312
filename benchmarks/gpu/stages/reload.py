"""New versions under load: no request may fail, and memory must return to its level."""

import dataclasses
import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.request import ProxyHandler, Request, build_opener

from app.bundle.bundle import open_bundle
from benchmarks.errors import BenchmarkError
from benchmarks.gpu.device import memory_taken
from benchmarks.gpu.plan import GpuPlan
from benchmarks.gpu.subjects.bundles import LoadedNetwork
from benchmarks.load.wrk import closed_loop
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
    with _watch_memory(plan.device) as samples, ThreadPoolExecutor(1) as pool:
        seconds = round(plan.reload_seconds)
        load = pool.submit(closed_loop, server.port, CLASSMARK.path, bodies, CONNECTIONS, seconds)
        taken = [_swap(server, first, version) for version in VERSIONS]
        swapped_in_time = not load.done()
        seen = load.result()
    after = _settled_memory(plan.device, before)
    found = {
        "versions": len(VERSIONS),
        "seconds": taken,
        "requests": seen.requests + seen.failed,
        "failed": seen.failed + seen.refused,
        "swapped_in_time": swapped_in_time,
        "memory_before": before,
        "memory_most": max(samples, default=None),
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


@contextmanager
def _watch_memory(device: str) -> Iterator[list[int]]:
    """Give a list that fills with samples of the device memory until the block ends."""
    samples: list[int] = []
    ended = threading.Event()

    def watch() -> None:
        while (taken := memory_taken(device)) is not None:
            samples.append(taken)
            if ended.wait(0.1):
                return

    with ThreadPoolExecutor(1) as pool:
        pool.submit(watch)
        try:
            yield samples
        finally:
            ended.set()
