"""Pairs of timeless services, started by Ray or without it, and the HAProxy in front of both."""

import os
import re
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from benchmarks.errors import BenchmarkError
from benchmarks.servers.processes import descendants
from benchmarks.servers.servers import START_SECONDS, STOP_SECONDS, free_ports
from benchmarks.subjects.served_model import ServedModel

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
MODULE = "benchmarks.servers.timeless"
STARTED = "Ray runtime started"  # as Ray says it
# What `python -m classmark_ray` gives to its servers.
SETTINGS = {"CLASSMARK_EXECUTORS": "1", "CLASSMARK_DRAIN_SECONDS": "0"}


@dataclass(frozen=True, slots=True)
class Pair:
    """Two services behind a port of the balancer."""

    port: int
    servers: frozenset[int]

    def tell_timeless(self) -> None:
        """Let their models take no time from now on."""
        for pid in self.servers:
            os.kill(pid, signal.SIGUSR1)


@dataclass(frozen=True, slots=True)
class Pairs:
    """Both, and the process ids of HAProxy and of Ray's first process."""

    placed: Pair
    alone: Pair
    haproxy: int
    ray: int


@contextmanager
def both_pairs(served: ServedModel, python: Path, folder: Path) -> Iterator[Pairs]:
    """Run a pair of each kind until the block ends.

    Args:
        python: has Ray.
        folder: for logs.
    """
    folder.mkdir(parents=True, exist_ok=True)
    ports, fronts = free_ports(4), free_ports(2)
    settings = SETTINGS | {
        "CLASSMARK_MODEL_STORE": str(served.store),
        "CLASSMARK_PRECISION": served.precision,
        "CLASSMARK_HOST": "127.0.0.1",
        "PYTHONPATH": str(ROOT),
    }
    with ExitStack() as stack:
        around = stack.enter_context(_placed(python, ports[:2], settings, folder))
        for port in ports[2:]:
            own = os.environ | settings | {"CLASSMARK_PORT": str(port)}
            stack.enter_context(_running([sys.executable, "-m", MODULE], own, folder / f"{port}"))
        haproxy = stack.enter_context(_haproxy(fronts, ports, folder))
        for port in (*ports, *fronts):
            _wait_until_ready(port)
        placed = _services(around)
        alone = _services(os.getpid()) - placed
        yield Pairs(Pair(fronts[0], placed), Pair(fronts[1], alone), haproxy, around)


def _services(root: int) -> frozenset[int]:
    """Return the services among the descendants of a process."""
    found = descendants(root)
    return frozenset(pid for pid in found if MODULE.encode() in _command(pid))


def _command(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:  # it has ended meanwhile
        return []


def _wait_until_ready(port: int) -> None:
    """Ask until a service says that it is ready, itself or through HAProxy."""
    opener = build_opener(ProxyHandler({}))
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        with suppress(URLError, OSError), opener.open(f"http://127.0.0.1:{port}/health/ready"):
            return
        time.sleep(0.1)
    raise BenchmarkError(f"nothing is ready on port {port} after {START_SECONDS} s")


@contextmanager
def _placed(
    python: Path, ports: Sequence[int], settings: dict[str, str], folder: Path
) -> Iterator[int]:
    """Run a Ray of one node that has placed a service on each port; yield its process id."""
    (port,) = free_ports(1)
    launcher = folder.resolve() / "python"  # Ray starts `python -m app`
    launcher.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m {MODULE}\n')
    launcher.chmod(0o755)
    own = os.environ | {
        "PYTHONPATH": str(DEPLOY / "ray"),
        "RAY_ADDRESS": f"127.0.0.1:{port}",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_worker_niceness": "0",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
    }
    head = [str(python.with_name("ray")), "start", "--head", "--block", f"--port={port}",
            f"--num-cpus={len(ports)}", "--include-dashboard=false"]  # fmt: skip
    given = [f"{name}={value}" for name, value in settings.items()]
    place = [str(python), "-m", "classmark_ray", *given, "--python", str(launcher),
             "--port", *map(str, ports), "--scale", "min_replicas=2", "max_replicas=2"]  # fmt: skip
    without_address = {k: v for k, v in own.items() if k != "RAY_ADDRESS"}
    with _running(head, without_address, folder / "ray.log") as pid:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and STARTED not in (folder / "ray.log").read_text():
            time.sleep(0.1)
        done = subprocess.run(place, env=own, capture_output=True, text=True, timeout=300)
        if done.returncode:
            raise BenchmarkError(f"Ray placed nothing: {done.stderr.strip()[-300:]}")
        yield pid


@contextmanager
def _haproxy(fronts: Sequence[int], ports: Sequence[int], folder: Path) -> Iterator[int]:
    """Run HAProxy with the repository's configuration, once for each pair of ports."""
    text = (DEPLOY / "haproxy/haproxy.cfg").read_text()
    head, found, rest = text.partition("frontend clients\n")
    if not found:
        raise BenchmarkError("deploy/haproxy/haproxy.cfg has no `frontend clients`")
    parts = [head]
    for number, front in enumerate(fronts):
        own = re.sub(r"^ +server .*\n", "", found + rest, flags=re.MULTILINE)
        own = re.sub(r"^    bind .*$", f"    bind 127.0.0.1:{front}", own, flags=re.MULTILINE)
        own = own.replace("frontend clients", f"frontend clients{number}")
        own = re.sub(r"(backend) classmark\b", rf"\1 classmark{number}", own)
        behind = ports[2 * number : 2 * number + 2]
        parts += [own, *(f"    server s{port} 127.0.0.1:{port}\n" for port in behind)]
    file = folder / "haproxy.cfg"
    file.write_text("".join(parts))
    with _running(["haproxy", "-db", "-f", file], dict(os.environ), folder / "haproxy.log") as pid:
        yield pid


@contextmanager
def _running(
    command: Sequence[str | Path], environment: dict[str, str], log: Path
) -> Iterator[int]:
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
    try:
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
