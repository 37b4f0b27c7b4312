"""The offline limit: what the machine gives without HTTP, in a process of its own.

One-thread callers, one a CPU, take length-sorted micro-batches from a list; texts are encoded
before. The best batch size is the limit. `python -m benchmarks.limit` measures and prints JSON.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import TypeVar

from app.bundle import Precision
from app.engine.executor import available_cpus
from benchmarks.errors import BenchmarkError
from benchmarks.peers.model import Model
from benchmarks.subject import Subject

T = TypeVar("T")

BATCH_SIZES = (1, 2, 4, 8)


@dataclass(frozen=True, slots=True)
class Limit:
    """What one measurement found.

    Attributes:
        by_batch_size: texts/s, encoded before.
        with_encoding: texts/s of the best batch size when the callers encode too.
    """

    by_batch_size: dict[int, float]
    with_encoding: float

    @property
    def texts_per_second(self) -> float:
        return max(self.by_batch_size.values())


def best_size(limits: Sequence[Limit]) -> int:
    """Return the batch size that is fastest in the median of the measurements.

    One for all of them: the fastest of each would be the luckiest as well.
    """
    return max(
        limits[0].by_batch_size, key=lambda size: median(one.by_batch_size[size] for one in limits)
    )


def measure_limit(
    subject: Subject,
    texts: Path,
    seconds: float,
    *,
    precision: Precision | None = None,
    batch_sizes: Sequence[int] = BATCH_SIZES,
) -> Limit:
    """Run the measurement in a new process.

    Args:
        texts: JSON list of texts.
        seconds: at least, for each batch size; whole passes over the texts are counted.
    """
    sizes = batch_sizes if subject.batch_invariant else (1,)
    command = [sys.executable, "-m", "benchmarks.limit", str(texts), str(seconds)]
    environment = os.environ | subject.environment(precision) | {"BENCH_THREADS": "1"}
    done = subprocess.run(
        [*command, *map(str, sizes)], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BenchmarkError(f"the limit could not be measured: {done.stderr.strip()[-500:]}")
    found = json.loads(done.stdout)
    sizes_found = {int(size): rate for size, rate in found.pop("by_batch_size").items()}
    return Limit(by_batch_size=sizes_found, **found)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.limit", description=__doc__)
    parser.add_argument("texts", type=Path)
    parser.add_argument("seconds", type=float)
    parser.add_argument("sizes", type=int, nargs="+")
    options = parser.parse_args()
    texts: list[str] = json.loads(options.texts.read_text())
    found = _measure(Model.from_environment(), texts, options.seconds, options.sizes)
    sys.stdout.write(json.dumps(asdict(found)) + "\n")


def _measure(model: Model, texts: Sequence[str], seconds: float, sizes: Sequence[int]) -> Limit:
    encoded = [model.encode(text) for text in texts]
    # From the longest down: the last batches are short, so that callers end together.
    order = sorted(range(len(texts)), key=lambda i: -len(encoded[i]))
    model.run([encoded[order[0]]])  # the first run of a session also allocates
    rates: dict[int, float] = {}
    for size in sizes:
        batches = [[encoded[i] for i in order[at : at + size]] for at in range(0, len(order), size)]
        rates[size] = len(texts) / _pass_seconds(
            lambda batch: model.scores(model.run(batch)), batches, seconds
        )
    best = max(rates, key=lambda size: rates[size])
    raw = [[texts[i] for i in order[at : at + best]] for at in range(0, len(order), best)]
    return Limit(
        by_batch_size=rates,
        with_encoding=len(texts) / _pass_seconds(model.classify, raw, seconds),
    )


def _pass_seconds(work: Callable[[T], object], batches: Sequence[T], seconds: float) -> float:
    """Return the mean seconds of a whole pass over the batches, by one caller a CPU."""
    passes, started = 0, time.perf_counter()
    with ThreadPoolExecutor(available_cpus()) as pool:
        while (taken := time.perf_counter() - started) < seconds or not passes:
            for _ in pool.map(work, batches):
                pass
            passes += 1
    return taken / passes


if __name__ == "__main__":
    main()
