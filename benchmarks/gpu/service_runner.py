"""Classmark's own engine, as the service runs it: encodings on the host to logits on the host."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Literal

from app.engine.backends.selection import select_backends
from app.engine.models.servable import Servable
from app.engine.text.encoding import Logits
from app.errors import BundleError
from benchmarks.gpu.runners import Subject, Unavailable
from benchmarks.gpu.streams import Batch, Layout


class ServiceRunner:
    """A servable; what it lays out and copies counts, which the other runners do beforehand."""

    layout: Layout

    def __init__(self, subject: Subject, name: str) -> None:
        self.name = name
        self.servable = load_servable(subject)
        self.layout = self.servable.runs_on.kind

    def prepare(self, batch: Batch) -> "ServiceWork":
        work = ServiceWork(self.servable, batch)
        work.run()
        return work

    def synchronize(self) -> None:
        """Nothing: each run ended as it returned."""

    def close(self) -> None:
        del self.servable


@dataclass(slots=True)
class ServiceWork:
    """Encodings as the service's queue holds them."""

    servable: Servable
    batch: Batch
    logits: list[Logits] = field(default_factory=list)

    def run(self) -> None:
        self.logits = self.servable.run(self.batch)

    def answers(self) -> Sequence[Logits]:
        return self.logits


def load_servable(subject: Subject) -> Servable:
    """Load the bundle in the first mode that it has a graph for, as the service would.

    Raises:
        Unavailable: the device has no backend here, or the graph does not load on it.
    """
    device: Literal["cuda", "cpu"] = "cuda" if subject.device == "cuda" else "cpu"
    try:
        (backend,) = select_backends("onnxruntime", device, None, 1)
        return Servable.load(subject.bundle, backend)
    except (ValueError, BundleError) as exc:
        raise Unavailable(str(exc)) from exc


def run_all(servables: Sequence[Servable], batches: Sequence[Batch]) -> None:
    """Run the batches once, each servable its share of them on two threads of its own.

    Two, as in the service: while one batch runs the next is laid out.
    """
    threads = [servable for servable in servables for _ in range(2)]

    def run_share(number: int) -> None:
        for batch in batches[number :: len(threads)]:
            threads[number].run(batch)

    with ThreadPoolExecutor(len(threads)) as pool:
        list(pool.map(run_share, range(len(threads))))
