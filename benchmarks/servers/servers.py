"""Runs a contender as a process on a free loopback port."""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import ProxyHandler, Request, build_opener

from benchmarks.errors import BenchmarkError
from benchmarks.servers.contenders import Contender
from benchmarks.servers.processes import Usage, descendants, usage
from benchmarks.subjects.served_model import ServedModel

START_SECONDS = 120
STOP_SECONDS = 15
PROBE = "A squad of misfits, and still great fun."
SCORE_TOLERANCE = 0.01


@dataclass(frozen=True, slots=True)
class Server:
    """A running contender.

    Attributes:
        start_seconds: from starting the process to its first right answer.
    """

    contender: Contender
    served: ServedModel
    port: int
    pid: int
    start_seconds: float

    @property
    def usage(self) -> Usage:
        return usage(self.pid)

    def body(self, *texts: str) -> bytes:
        return json.dumps(self.contender.body(self.served, texts)).encode()


@contextmanager
def serving(
    contender: Contender,
    served: ServedModel,
    python: Path,
    log: Path,
    expected: float,
    settings: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """Run a contender until the block ends.

    Args:
        log: file for its output.
        expected: highest score of the PROBE; a contender must give it.
        settings: further environment variables.

    Raises:
        BenchmarkError: it does not start, or gives another answer.
    """
    ports = free_ports(3)
    environment = contender.environment(served, ports) | dict(settings or {})
    log.parent.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(
            contender.command(python, ports[0]), env=environment, stdout=output, stderr=output
        )
    try:
        server = Server(contender, served, ports[0], process.pid, 0.0)
        score = _wait_until_ready(process, server, log)
        ready = time.monotonic() - started
        if abs(score - expected) > SCORE_TOLERANCE:
            raise BenchmarkError(
                f"{contender.name} answers {score:.4f} where the model gives {expected:.4f}"
            )
        yield Server(contender, served, ports[0], process.pid, ready)
    finally:
        stop(process)


def free_ports(count: int) -> list[int]:
    """Return loopback ports that are free now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def _wait_until_ready(process: subprocess.Popen[bytes], server: Server, log: Path) -> float:
    """Ask until an answer comes; return the highest score in it."""
    url = f"http://127.0.0.1:{server.port}{server.contender.path}"
    request = Request(url, server.body(PROBE), {"Content-Type": "application/json"})
    opener = build_opener(ProxyHandler({}))
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise BenchmarkError(
                f"{server.contender.name} ended with {process.returncode} as it started: "
                f"{_tail(log)}"
            )
        with suppress(URLError, OSError), opener.open(request, timeout=10) as response:
            return max(_numbers(json.load(response)))
        time.sleep(0.05)
    raise BenchmarkError(
        f"{server.contender.name} did not answer within {START_SECONDS} s: {_tail(log)}"
    )


def _numbers(answer: Any) -> list[float]:
    """Return every score, i.e. each fraction between 0 and 1 anywhere in an answer."""
    if isinstance(answer, float):
        return [answer] if 0 < answer < 1 else []
    if isinstance(answer, dict):
        answer = list(answer.values())
    return [n for part in answer for n in _numbers(part)] if isinstance(answer, list) else []


def _tail(log: Path) -> str:
    return log.read_text(errors="replace").strip()[-300:]


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ask it to end, then kill what is left of its process tree, by id."""
    tree = descendants(process.pid)
    with suppress(ProcessLookupError):
        process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    deadline = time.monotonic() + 3
    while time.monotonic() < deadline and any(Path(f"/proc/{pid}").exists() for pid in tree[1:]):
        time.sleep(0.05)
    for pid in reversed(tree):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait(STOP_SECONDS)
