"""A servable and a clock without hardware: for determinism and faults."""

import threading
from collections.abc import Sequence

import numpy as np

from app.engine.batching.cost_model import Cost
from app.engine.batching.entry import Entry
from app.engine.text.encoding import Encoding, Logits, blank
from app.telemetry.series import ModelLabels


class FakeClock:
    """Time that moves when told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def encoding(tokens: int, first_id: int = 1) -> Encoding:
    return blank(tokens, first_id)


POISON = 666
DEADLY = 667
NOT_FINITE = {668: float("nan"), 669: float("inf"), 670: float("-inf")}


class FakeServable:
    """Answers with each entry's first id and length; NOT_FINITE has other answers for some ids.

    It fails on POISON, and kills its thread on DEADLY.

    With `gate`, every run waits until the test opens it; `entered` tells that one is waiting.
    """

    def __init__(
        self,
        cost: Cost | None = None,
        *,
        batch_invariant: bool = True,
        gate: threading.Event | None = None,
        name: str = "fake",
    ) -> None:
        self.cost = cost or Cost(overhead_seconds=0.01, seconds_per_token=0.001, budget_tokens=256)
        self.batch_invariant = batch_invariant
        self.name = name
        self.metric_labels = ModelLabels(name, "1")
        self.gate = gate
        self.entered = threading.Semaphore(0)
        self.batches: list[list[int]] = []

    def run(self, encodings: Sequence[Encoding]) -> list[Logits]:
        self.batches.append([e.tokens for e in encodings])
        self.entered.release()
        if self.gate is not None:
            assert self.gate.wait(30)
        ids = {int(e.ids[0]) for e in encodings}
        if DEADLY in ids:
            raise SystemExit("the thread is killed")
        if POISON in ids:
            raise ValueError("poison")
        return [
            np.array([NOT_FINITE.get(int(e.ids[0]), e.ids[0]), e.tokens], dtype=np.float32)
            for e in encodings
        ]


class Ended:
    """Collects the entries that ended, and proves that none did so twice."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def __call__(self, entry: Entry) -> None:
        assert entry not in self.entries
        self.entries.append(entry)

    def entry(
        self, servable: FakeServable, tokens: int, deadline: float = 1e9, first_id: int = 1
    ) -> Entry:
        return Entry(servable, encoding(tokens, first_id), deadline, self)
