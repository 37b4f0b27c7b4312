"""The served graph without a server: one-thread session runs in this process."""

import time
from collections.abc import Sequence

from benchmarks.servers.peers.model import Model
from benchmarks.subjects.served_model import ServedModel


class RawSession:
    """A one-thread session of a served model."""

    def __init__(self, served: ServedModel) -> None:
        self._model = Model.from_variables(served.environment() | {"BENCH_THREADS": "1"})

    def encode(self, text: str) -> Sequence[int]:
        return self._model.encode(text)

    def seconds(self, ids: Sequence[int]) -> float:
        """Run one text; return the seconds it took."""
        started = time.perf_counter()
        self._model.run([ids])
        return time.perf_counter() - started
