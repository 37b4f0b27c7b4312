"""Starts the service anew, and times it until it is ready."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from app.bundle.base import Precision
from benchmarks.errors import BenchmarkError
from benchmarks.servers.processes import usage
from benchmarks.servers.servers import free_ports, stop

READY_WITHIN_SECONDS = 120.0
# Each look takes the service's time, too.
LOOK_SECONDS = 0.02
# The user of the image, and the variables that its commands need.
USER = "10001"
IMAGE_ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/"}


@dataclass(frozen=True, slots=True)
class Start:
    """One start, in seconds since the process was started.

    Attributes:
        listening, ready: until the first answer, and until `/health/ready` says yes.
        cpu: that the process had used by then, in user and system mode.
        loads: of each version, from reading its manifest until it served, in their order.
    """

    listening: float
    ready: float
    cpu: float
    loads: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Place:
    """Where the service is started.

    Attributes:
        folder: absolute; for the log, and for the bytecode where there is no image.
        root: an unpacked image, whose own Python runs; None for this environment.
    """

    folder: Path
    root: Path | None = None

    def command(self) -> list[str]:
        if self.root is None:
            return [sys.executable, "-m", "app"]
        inside = ["unshare", "--root", str(self.root), "--mount-proc"]
        return [*inside, "--setgid", USER, "--setuid", USER, "python", "-m", "app"]

    def environment(self, *, bytecode: bool) -> dict[str, str]:
        """Return the variables of a start with or without bytecode kept from an earlier one."""
        if self.root is None:
            own = {k: v for k, v in os.environ.items() if not k.startswith("CLASSMARK_")}
            kept = {
                "PYTHONPYCACHEPREFIX": str(self.folder / "bytecode"),
                "PYTHONDONTWRITEBYTECODE": "",
            }
        else:
            own, kept = IMAGE_ENVIRONMENT, {"PYTHONDONTWRITEBYTECODE": "1"}
        none = {"PYTHONPYCACHEPREFIX": "/nowhere", "PYTHONDONTWRITEBYTECODE": "1"}
        return own | (kept if bytecode else none)

    def inside(self, folder: Path) -> str:
        """Return what a folder is called by the service."""
        return str(folder if self.root is None else Path("/") / folder.relative_to(self.root))


def start_once(place: Place, store: Path, precision: Precision, *, bytecode: bool) -> Start:
    """Start the service on a store; raise BenchmarkError if it is never ready."""
    (port,) = free_ports(1)
    environment = place.environment(bytecode=bytecode) | {
        "CLASSMARK_LOG_FORMAT": "json",
        "CLASSMARK_MODEL_STORE": place.inside(store),
        "CLASSMARK_PORT": str(port),
        "CLASSMARK_PRECISION": precision,
    }
    log = place.folder / "start.log"
    began = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(place.command(), env=environment, stdout=output, stderr=output)
    try:
        listening = _wait_for(f"http://127.0.0.1:{port}/health/live", process, began, log)
        ready = _wait_for(f"http://127.0.0.1:{port}/health/ready", process, began, log)
        cpu = usage(process.pid).cpu_seconds
    finally:
        stop(process)
    return Start(
        listening, ready, cpu, read_loads(log, {folder.name for folder in store.iterdir()})
    )


def _wait_for(url: str, process: subprocess.Popen[bytes], began: float, log: Path) -> float:
    """Return the seconds until an address answered with 200."""
    opener = build_opener(ProxyHandler({}))
    while (passed := time.monotonic() - began) < READY_WITHIN_SECONDS and process.poll() is None:
        try:
            with opener.open(url, timeout=10):
                return time.monotonic() - began
        except (URLError, OSError):
            time.sleep(LOOK_SECONDS)
    raise BenchmarkError(f"{url} does not answer with 200 after {passed:.1f} s; look into {log}")


def read_loads(log: Path, models: set[str]) -> dict[str, float]:
    """Return the seconds of each load from a log; raise BenchmarkError if a model's is missing."""
    ends: dict[str, float] = {}
    for line in log.read_text().splitlines():
        entry = json.loads(line)
        if entry["event"] == "version loaded":
            ends[entry["model"]] = entry["seconds"]
    if missing := models - set(ends):
        raise BenchmarkError(f"{', '.join(sorted(missing))} did not load; look into {log}")
    # All wait from the start for their turn, so each load began where the one before ended.
    starts = [0.0, *ends.values()]
    return {name: end - start for (name, end), start in zip(ends.items(), starts, strict=False)}
