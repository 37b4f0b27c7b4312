"""Classmark's own engine as the service runs it: from encodings to logits, both on the host."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Literal

from app.engine.backends.selection import select_backend
from app.engine.models.servable import Servable
from app.engine.text.encoding import Logits
from app.errors import BundleError
from benchmarks.errors import Unavailable
from benchmarks.gpu.subjects.bundles import LoadedNetwork
from benchmarks.gpu.subjects.streams import Batch, Layout


class ServiceRunner:
    """A servable; its time includes layout and copies, which the other runners do before."""

    layout: Layout

    def __init__(self, loaded: LoadedNetwork, name: str) -> None:
        self.name = name
        self.servable = load_servable(loaded)
        self.layout = self.servable.runtime.kind

    def prepare(self, batch: Batch) -> "ServiceWork":
        work = ServiceWork(self.servable, batch)
        work.run()
        return work

    def synchronize(self) -> None:
        """Do nothing, because each run waits for its end."""

    def close(self) -> None:
        del self.servable


@dataclass(slots=True)
class ServiceWork:
    """A batch of encodings, as in the service's queue."""

    servable: Servable
    batch: Batch
    logits: list[Logits] = field(default_factory=list)

    def run(self) -> None:
        self.logits = self.servable.run(self.batch)

    def answers(self) -> Sequence[Logits]:
        return self.logits


def load_servable(loaded: LoadedNetwork) -> Servable:
    """Load the bundle in the first mode with a graph, as the service would.

    Raises:
        Unavailable: there is no backend for the device, or the graph does not load.
    """
    device: Literal["cuda", "cpu"] = "cuda" if loaded.device == "cuda" else "cpu"
    try:
        backend = select_backend(device, 1)
        return Servable.load(loaded.bundle, backend)
    except (ValueError, BundleError) as exc:
        raise Unavailable(str(exc)) from exc


def measure_rate(
    servables: Sequence[Servable], batches: Sequence[Batch], texts: int, seconds: float
) -> float:
    """Warm up; return the texts/s of whole passes over the batches, for at least these seconds."""
    run_all(servables, batches)
    passes, started = 0, time.perf_counter()
    while not passes or time.perf_counter() - started < seconds:
        run_all(servables, batches)
        passes += 1
    return passes * texts / (time.perf_counter() - started)


def run_all(servables: Sequence[Servable], batches: Sequence[Batch]) -> None:
    """Run the batches once; each servable takes its share on two threads of its own.

    As in the service, the second thread lays out a batch while another runs.
    """
    threads = [servable for servable in servables for _ in range(2)]

    def run_share(number: int) -> None:
        for batch in batches[number :: len(threads)]:
            threads[number].run(batch)

    with ThreadPoolExecutor(len(threads)) as pool:
        list(pool.map(run_share, range(len(threads))))
