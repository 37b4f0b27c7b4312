"""Closed loop: wrk keeps a number of connections busy to find the capacity."""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.errors import BenchmarkError

SCRIPT = Path(__file__).with_name("bodies.lua")


@dataclass(frozen=True, slots=True)
class ClosedLoopResult:
    """Counts over all connections; latencies in seconds.

    Attributes:
        refused: answers other than success.
        failed: requests that got no answer.
    """

    requests: int
    seconds: float
    refused: int
    failed: int
    p50: float
    p90: float
    p99: float

    @property
    def answers_per_second(self) -> float:
        return (self.requests - self.refused) / self.seconds


def check_installed() -> None:
    """Raise BenchmarkError if wrk is missing."""
    if shutil.which("wrk") is None:
        raise BenchmarkError("wrk is not installed; on Debian: apt-get install wrk")


def closed_loop(
    port: int,
    path: str,
    bodies: Sequence[bytes],
    connections: int,
    seconds: int,
    headers: Sequence[Mapping[str, str]] = (),
) -> ClosedLoopResult:
    """Post the bodies in turn, over and over.

    Args:
        headers: of each body, besides the usual ones; may be left out for all.
    """
    added = headers or [{}] * len(bodies)
    fields = [[f"{name}: {value}" for name, value in one.items()] for one in added]
    with tempfile.NamedTemporaryFile("w") as file:
        rows = zip(fields, bodies, strict=True)
        file.write("\n".join("\t".join([*row, body.hex()]) for row, body in rows))
        file.flush()
        done = subprocess.run(
            ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s",
             "-s", str(SCRIPT), f"http://127.0.0.1:{port}{path}", "--", file.name],
            capture_output=True, text=True, check=False, timeout=seconds + 60,
        )  # fmt: skip
    if done.returncode:
        raise BenchmarkError(f"wrk ended with {done.returncode}: {done.stderr.strip()[-300:]}")
    return ClosedLoopResult(**json.loads(done.stdout.strip().splitlines()[-1]))
