"""Load from several processes: one that is written in Python would itself be the limit.

`python -m benchmarks.load.generator` is one of them: it takes its orders as JSON on standard input
and answers there with what it saw. All start at the same moment of the machine's monotonic clock.
"""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

from benchmarks.closed_loop import Seen, closed_loop
from benchmarks.errors import BenchmarkError
from benchmarks.load.arrivals import poisson
from benchmarks.load.open_loop import open_loop, post

# Starting Python and its imports, with all the others doing the same.
START_SECONDS = 1.0


def load_closed(
    port: int, path: str, bodies: Sequence[bytes], connections: int, seconds: float, processes: int
) -> Seen:
    """Keep connections busy, each sending its next request when the last is answered."""
    processes = min(processes, connections)
    shares = [connections // processes + (n < connections % processes) for n in range(processes)]
    return _run_all(port, path, bodies, seconds, [{"connections": share} for share in shares])


def load_open(
    port: int, path: str, bodies: Sequence[bytes], rate: float, seconds: float, processes: int
) -> Seen:
    """Send requests as a Poisson process of this rate; latencies count from when they are due."""
    orders = [{"rate": rate / processes, "seed": n} for n in range(processes)]
    return _run_all(port, path, bodies, seconds, orders)


def _run_all(
    port: int, path: str, bodies: Sequence[bytes], seconds: float, orders: list[dict[str, Any]]
) -> Seen:
    common = {
        "port": port,
        "path": path,
        "bodies": [body.decode() for body in bodies],
        "seconds": seconds,
        "start": time.monotonic() + START_SECONDS,
    }
    command = [sys.executable, "-m", "benchmarks.load.generator"]
    children = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in orders
    ]
    for child, order in zip(children, orders, strict=True):
        assert child.stdin is not None
        child.stdin.write(json.dumps(common | order).encode())
        child.stdin.close()
        child.stdin = None
    whole = Seen()
    for child in children:
        output, _ = child.communicate()
        if child.returncode:
            raise BenchmarkError(f"a load generator ended with {child.returncode}")
        one = Seen(**json.loads(output))
        whole.seconds = max(whole.seconds, one.seconds)
        whole.refused += one.refused
        whole.failed += one.failed
        whole.latencies += one.latencies
    return whole


def obey(order: dict[str, Any]) -> Seen:
    """Do what one process is told to."""
    requests = [post(order["path"], body.encode()) for body in order["bodies"]]
    while (left := order["start"] - time.monotonic()) > 0:
        time.sleep(left)
    if "connections" in order:
        return closed_loop(order["port"], requests, order["connections"], order["seconds"])
    due = poisson(order["rate"], order["seconds"], order["seed"])
    found = open_loop(order["port"], requests, due)
    answered = found.latencies()
    refused = len(found.answers) - len(answered)
    return Seen(order["seconds"], refused, found.unanswered, answered)


def main() -> None:
    seen = obey(json.load(sys.stdin))
    latencies = [round(one, 7) for one in seen.latencies]
    answer = {"seconds": seen.seconds, "refused": seen.refused, "failed": seen.failed}
    sys.stdout.write(json.dumps(answer | {"latencies": latencies}))


if __name__ == "__main__":
    main()
