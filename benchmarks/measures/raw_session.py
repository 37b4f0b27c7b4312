"""The bare model: one-thread session runs, without a server."""

import time
from collections.abc import Sequence

from benchmarks.servers.peers.model import Model
from benchmarks.subjects.served_model import Subject


class BareModel:
    """A subject's session in this process."""

    def __init__(self, subject: Subject) -> None:
        self._model = Model.from_variables(subject.environment() | {"BENCH_THREADS": "1"})

    def encode(self, text: str) -> Sequence[int]:
        return self._model.encode(text)

    def seconds(self, ids: Sequence[int]) -> float:
        """Run one text; return the seconds it took."""
        started = time.perf_counter()
        self._model.run([ids])
        return time.perf_counter() - started
