"""Load on the service: wrk where it is installed, and else the repository's own generator."""

import shutil
from collections.abc import Sequence

from benchmarks.load.generator import load_closed
from benchmarks.load.wrk import Closed, closed_loop

PATH = "/v1/classify"


def generator_name(processes: int) -> str:
    """Return what makes the load here, as the report names it."""
    return "wrk" if _has_wrk() else f"benchmarks.load.generator, {processes} processes"


def find_capacity(
    port: int, bodies: Sequence[bytes], connections: int, seconds: float, processes: int
) -> Closed:
    """Keep connections busy and return what they saw."""
    if _has_wrk():
        return closed_loop(port, PATH, bodies, connections, max(1, round(seconds)))
    return load_closed(port, PATH, bodies, connections, seconds, processes).as_closed()


def _has_wrk() -> bool:
    return shutil.which("wrk") is not None
