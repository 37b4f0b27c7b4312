"""Open-loop load from several processes, because one Python process would itself be the limit.

`python -m benchmarks.load.generator` is one of them. It reads its order as JSON from standard input
and writes its answers to standard output. All start at the same moment of the monotonic clock.
"""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from benchmarks.errors import BenchmarkError
from benchmarks.load.arrivals import poisson
from benchmarks.load.open_loop import Answer, OpenLoopResult, open_loop, post

# For Python to start and import, while the other processes do the same.
START_SECONDS = 1.0


def load_open(
    port: int, path: str, bodies: Sequence[bytes], rate: float, seconds: float, processes: int
) -> OpenLoopResult:
    """Send requests as a Poisson process of this rate, shared among the processes."""
    common = {
        "port": port,
        "path": path,
        "bodies": [body.decode() for body in bodies],
        "rate": rate / processes,
        "seconds": seconds,
        "start": time.monotonic() + START_SECONDS,
    }
    command = [sys.executable, "-m", "benchmarks.load.generator"]
    children = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(processes)
    ]
    for seed, child in enumerate(children):
        assert child.stdin is not None
        child.stdin.write(json.dumps(common | {"seed": seed}).encode())
        child.stdin.close()
        child.stdin = None
    whole = OpenLoopResult()
    for child in children:
        output, _ = child.communicate()
        if child.returncode:
            raise BenchmarkError(f"a load generator ended with {child.returncode}")
        found = json.loads(output)
        whole.sent += found["sent"]
        whole.unanswered += found["unanswered"]
        whole.answers += [Answer(**one) for one in found["answers"]]
    return whole


def obey(order: dict[str, Any]) -> OpenLoopResult:
    """Send the load of one process."""
    requests = [post(order["path"], body.encode()) for body in order["bodies"]]
    due = poisson(order["rate"], order["seconds"], order["seed"])
    while (left := order["start"] - time.monotonic()) > 0:
        time.sleep(left)
    return open_loop(order["port"], requests, due)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asdict(obey(json.load(sys.stdin)))))
