"""The offline limit: the most that the machine gives without HTTP, in a process of its own.

One-thread callers, one on each CPU, take length-sorted micro-batches of encoded texts from a list.
The fastest batch size is found first and then measured alone beside every contender.
`python -m benchmarks.measures.limit` is the process: it takes JSON and prints JSON.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from app.bundle.base import Precision
from app.engine.batching.cpus import available_cpus
from benchmarks.errors import BenchmarkError
from benchmarks.servers.peers.model import Model
from benchmarks.subjects.served_model import ServedModel

BATCH_SIZES = (1, 2, 4, 8)
# The whole run keeps the batch size that is fastest in the median; the fastest of each measurement
# would also be the luckiest.
ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Limit:
    """The strategy that gives the limit of a graph.

    Attributes:
        texts: JSON list of texts.
        seconds: of a measurement, at least; only whole passes over the texts count.
        by_batch_size: texts/s that chose the batch size.
    """

    served: ServedModel
    precision: Precision
    texts: Path
    seconds: float
    batch_size: int
    by_batch_size: dict[int, float]

    def measure(self, *, encode: bool = False) -> float:
        """Return the current texts/s; with `encode` the callers encode too."""
        size = self.batch_size
        return _run(self.served, self.precision, self.texts, self.seconds, [size], encode=encode)[
            size
        ]


def find_limit(served: ServedModel, precision: Precision, texts: Path, seconds: float) -> Limit:
    """Choose the batch size; it is 1 if answers depend on the batch."""
    sizes = BATCH_SIZES if served.batch_invariant else (1,)
    rounds = [_run(served, precision, texts, seconds, sizes) for _ in range(ROUNDS)]
    rates = {size: median(one[size] for one in rounds) for size in sizes}
    best = max(sizes, key=lambda size: rates[size])
    return Limit(served, precision, texts, seconds, best, rates)


def _run(
    served: ServedModel,
    precision: Precision,
    texts: Path,
    seconds: float,
    sizes: Sequence[int],
    *,
    encode: bool = False,
) -> dict[int, float]:
    """Measure in a new process; return texts/s by batch size."""
    order = {"texts": str(texts), "seconds": seconds, "sizes": list(sizes), "encode": encode}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.measures.limit", json.dumps(order)],
        env=os.environ | served.environment(precision) | {"BENCH_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BenchmarkError(f"the limit could not be measured: {done.stderr.strip()[-500:]}")
    return {size: json.loads(done.stdout)[str(size)] for size in sizes}


def _measure(
    model: Model, texts: Sequence[str], seconds: float, sizes: Sequence[int], *, encode: bool
) -> dict[int, float]:
    encoded = [model.encode(text) for text in texts]
    # Longest first: the last batches are short, so that callers end together.
    order = sorted(range(len(texts)), key=lambda i: -len(encoded[i]))
    model.run([encoded[order[0]]])  # the first run of a session also allocates

    def run(batch: Sequence[int]) -> None:
        ids = [model.encode(texts[i]) if encode else encoded[i] for i in batch]
        model.scores(model.run(ids))

    rates: dict[int, float] = {}
    for size in sizes:
        batches = [order[at : at + size] for at in range(0, len(order), size)]
        rates[size] = len(texts) / seconds_per_pass(run, batches, seconds)
    return rates


def seconds_per_pass(
    work: Callable[[Any], object], batches: Sequence[Any], seconds: float, callers: int = 0
) -> float:
    """Return the mean seconds of a pass over the batches, for at least these seconds.

    Args:
        callers: threads that run batches; 0: one on each CPU.
    """
    passes, started = 0, time.perf_counter()
    with ThreadPoolExecutor(callers or available_cpus()) as pool:
        while (taken := time.perf_counter() - started) < seconds or not passes:
            for _ in pool.map(work, batches):
                pass
            passes += 1
    return taken / passes


if __name__ == "__main__":
    order = json.loads(sys.argv[1])
    texts = json.loads(Path(order.pop("texts")).read_text())
    sys.stdout.write(json.dumps(_measure(Model(), texts, **order)) + "\n")
