"""`python -m benchmarks.crossing`: what the way between processes costs, and what it gains.

The model takes no time (benchmarks/null_backend), so the figures are those of HTTP, encoding,
queue and crossing alone. wrk runs on the same machine and takes its share of the cores.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from urllib.request import ProxyHandler, build_opener

from benchmarks.errors import BenchmarkError
from benchmarks.load.wrk import check_installed, closed_loop
from benchmarks.null_backend import NAME, write_bundle
from benchmarks.report.machine import describe_machine
from benchmarks.report.processes import usage
from benchmarks.report.statistics import spread
from benchmarks.servers.servers import PROBE, START_SECONDS, free_ports
from benchmarks.session import say

CONNECTIONS = 64
STOP_SECONDS = 30
TITLES = {0: "one process", 1: "engine + 1 front end", 2: "engine + 2 front ends"}


@dataclass(frozen=True, slots=True)
class Round:
    """One closed loop; CPU in seconds a request."""

    requests_per_second: float
    cpu: float
    engine_cpu: float
    p50: float
    p99: float


@contextmanager
def _serving(front_ends: int, store: Path) -> Iterator[tuple[int, int, int | None]]:
    """Run the service; give its port, its process and its engine's, if that is another."""
    (port,) = free_ports(1)
    kept = {k: v for k, v in os.environ.items() if not k.startswith("CLASSMARK_")}
    settings = {"CLASSMARK_PORT": str(port), "CLASSMARK_MODEL_STORE": str(store)}
    log = store.with_name(f"log-{front_ends}")
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.null_backend", str(front_ends)],
            env=kept | settings | {"CLASSMARK_DRAIN_SECONDS": "0"},
            stderr=output,
        )
    try:
        _wait_until_ready(process, port, log)
        engine = re.search(r"process_role=engine process_pid=(\d+)", log.read_text())
        yield port, process.pid, int(engine[1]) if engine else None
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    opener = build_opener(ProxyHandler({}))
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            opener.open(f"http://127.0.0.1:{port}/health/ready", timeout=5).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise BenchmarkError(f"the service did not get ready: {log.read_text()[-500:]}")


def _measure(front_ends: int, store: Path, seconds: int) -> Round:
    body = json.dumps({"model": NAME, "inputs": PROBE}).encode()
    with _serving(front_ends, store) as (port, pid, engine):
        closed_loop(port, "/v1/classify", [body], CONNECTIONS, 1)
        before = usage(pid).cpu_seconds, usage(engine).cpu_seconds if engine else 0.0
        closed = closed_loop(port, "/v1/classify", [body], CONNECTIONS, seconds)
        after = usage(pid).cpu_seconds, usage(engine).cpu_seconds if engine else 0.0
    if closed.refused or closed.failed:
        raise BenchmarkError(f"{closed.refused} refused and {closed.failed} failed requests")
    return Round(
        closed.answers_per_second,
        (after[0] - before[0]) / closed.requests,
        (after[1] - before[1]) / closed.requests,
        closed.p50,
        closed.p99,
    )


def render(rounds: dict[int, list[Round]], seconds: int) -> str:
    """Return the page: medians of the rounds, with the least and the greatest rate."""
    machine = describe_machine()
    lines = [
        "# What the way between processes costs",
        "",
        f"{datetime.now(UTC).date().isoformat()}; {machine['cpus']} CPUs of {machine['cpu']}; "
        f"Python {machine['python']}. One short text a request, a model that takes no time, "
        f"{CONNECTIONS} connections; {len(rounds[0])} interleaved rounds of {seconds} s. wrk "
        "shares the CPUs, so the rates compare the rows and are no capacity.",
        "",
        "| | requests/s | (least to most) | CPU us a request | of it in the engine process | "
        "p50 ms | p99 ms |",
        "| --- | --: | --- | --: | --: | --: | --: |",
    ]
    for front_ends, measured in rounds.items():
        rates = [one.requests_per_second for one in measured]
        low, high = spread(rates)
        engine = f"{median(one.engine_cpu for one in measured) * 1e6:.0f}" if front_ends else ""
        lines.append(
            f"| {TITLES[front_ends]} | {median(rates):.0f} | {low:.0f} to {high:.0f} | "
            f"{median(one.cpu for one in measured) * 1e6:.0f} | {engine} | "
            f"{median(one.p50 for one in measured) * 1e3:.1f} | "
            f"{median(one.p99 for one in measured) * 1e3:.1f} |"
        )
    return "\n".join(lines) + "\n\nMade by `python -m benchmarks.crossing --out FOLDER`.\n"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.crossing", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4, help="of each round of each row")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="write crossing.md there")
    options = parser.parse_args()
    rounds: dict[int, list[Round]] = {front_ends: [] for front_ends in TITLES}
    try:
        check_installed()
        with tempfile.TemporaryDirectory() as folder:
            store = Path(folder) / "store"
            write_bundle(store)
            for _ in range(options.rounds):
                for front_ends, measured in rounds.items():
                    measured.append(_measure(front_ends, store, options.seconds))
                    rate = measured[-1].requests_per_second
                    say(f"{TITLES[front_ends]:<24} {rate:7.0f} requests/s")
    except BenchmarkError as exc:
        sys.stderr.write(f"error: {exc}\n")
        return 1
    page = render(rounds, options.seconds)
    sys.stdout.write(page)
    if options.out is not None:
        (options.out / "crossing.md").write_text(page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
