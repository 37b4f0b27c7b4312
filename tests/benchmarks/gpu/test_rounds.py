"""Runners take turns, the best setting of each is measured, and one that fails says why."""

from collections.abc import Sequence

import pytest

from app.engine.text.encoding import Logits
from benchmarks.errors import Unavailable
from benchmarks.gpu.stages.rounds import Prepared, prepare_best, run_rounds
from benchmarks.gpu.subjects.networks import TINY
from benchmarks.gpu.subjects.streams import Batch, Layout, Setting, uniform

TEXTS = uniform(32, 64).encode(TINY[0])


class Clock:
    """Stands still but where work is done."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class FakeRunner:
    """Takes a second a batch, and notes whose turn it was."""

    layout: Layout = "packed"

    def __init__(self, name: str, clock: Clock, log: list[str], largest: int = 64) -> None:
        self.name, self.clock, self.log, self.largest = name, clock, log, largest

    def prepare(self, batch: Batch) -> "FakeWork":
        if len(batch) > self.largest:
            raise MemoryError("no room")
        return FakeWork(self)

    def synchronize(self) -> None:
        """Nothing is outstanding."""

    def close(self) -> None:
        """Nothing is held."""


class FakeWork:
    def __init__(self, runner: FakeRunner) -> None:
        self.runner = runner

    def run(self) -> None:
        self.runner.clock.now += 1.0
        self.runner.log.append(self.runner.name)

    def answers(self) -> Sequence[Logits]:
        return []


def prepared(name: str, clock: Clock, log: list[str]) -> Prepared:
    runner = FakeRunner(name, clock, log)
    return prepare_best(runner, TEXTS, [Setting(64), Setting(256)], 0.5, clock)


def test_the_best_setting_is_kept_and_all_tried_are_told() -> None:
    clock = Clock()
    one = prepared("a", clock, [])
    assert one.tried == {"64 tokens": 2.0, "256 tokens": 8.0}
    assert one.setting == Setting(256)
    assert one.measure(2.5, clock) == 8.0


def test_a_setting_that_fails_is_left_out_and_all_failing_say_why() -> None:
    clock = Clock()
    few = FakeRunner("few", clock, [], largest=2)
    assert prepare_best(few, TEXTS, [Setting(64), Setting(256)], 0.5, clock).texts == 2
    none = FakeRunner("none", clock, [], largest=0)
    with pytest.raises(Unavailable, match="256 tokens: MemoryError: no room"):
        prepare_best(none, TEXTS, [Setting(64), Setting(256)], 0.5, clock)


def test_every_round_starts_with_another_runner() -> None:
    clock, log, told = Clock(), list[str](), list[int]()
    contenders = [prepared(name, clock, log) for name in "abc"]
    log.clear()
    ceilings = run_rounds(
        contenders, 3, 0.5, lambda: 7.0, lambda number, _: told.append(number), clock
    )
    assert "".join(log) == "abcbcacab"
    assert ceilings == [7.0] * 3
    assert told == [0, 1, 2]
    assert [one.rates for one in contenders] == [[8.0] * 3] * 3
