"""The engine without HTTP on the texts of the service: the rate to compare the service with."""

import time
from collections.abc import Sequence

from app.engine.text.encoding import Encoding
from benchmarks.gpu.runners.service_runner import load_servable, run_all
from benchmarks.gpu.subjects.bundles import LoadedNetwork
from benchmarks.gpu.subjects.streams import Setting, make_batches

BUDGETS = {"cuda": (4096, 8192, 16_384), "cpu": (256, 512)}


class EngineRate:
    """A servable with batches of several sizes, of which the best counts."""

    def __init__(self, loaded: LoadedNetwork, encoded: Sequence[Encoding]) -> None:
        self._servable = load_servable(loaded)
        layout = self._servable.runs_on.kind
        self._texts = len(encoded)
        self._choices = [
            make_batches(encoded, Setting(budget, ordered=True), layout)
            for budget in BUDGETS[loaded.device]
        ]

    def measure(self, seconds: float) -> float:
        """Return the texts/s with the best batch size."""
        return max(self._measure(choice, seconds) for choice in self._choices)

    def _measure(self, batches: Sequence[Sequence[Encoding]], seconds: float) -> float:
        made = [tuple(batch) for batch in batches]
        run_all([self._servable], made)
        passes, started = 0, time.perf_counter()
        while not passes or time.perf_counter() - started < seconds:
            run_all([self._servable], made)
            passes += 1
        return passes * self._texts / (time.perf_counter() - started)

    def close(self) -> None:
        del self._servable
