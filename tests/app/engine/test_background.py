"""Long entries run in the background of short ones: what goes there, and what does not."""

import os
import sys
import threading
from collections.abc import Sequence

import pytest

from app.engine.cost import Cost
from app.engine.decoding import Logits
from app.engine.executor import BACKGROUND_NICENESS, Completed, ExecutorPool
from app.engine.hold import PATIENCE
from app.engine.scheduler import Scheduler
from app.engine.tokenization import Encoding
from tests.support.fakes import DEADLY, Ended, FakeClock, FakeServable
from tests.support.simulation import WouldWait, lengths, make, take

# An entry of 100 tokens is long: 1 s in a batch of its own. One of 10 takes 0.1 s.
COST = Cost(overhead_seconds=0.0, seconds_per_token=0.01, budget_tokens=40)
LONG, SHORT = 100, 10
SECONDS = COST.seconds(LONG)


def submit(scheduler: Scheduler, *tokens: int) -> None:
    servable, ended = FakeServable(COST), Ended()
    for count in tokens:
        scheduler.submit([ended.entry(servable, count)])


def with_a_short_one_before(executors: int) -> tuple[Scheduler, FakeClock]:
    scheduler, clock = make(executors, background=True)
    submit(scheduler, SHORT)
    take(scheduler)
    return scheduler, clock


def take_long(scheduler: Scheduler) -> list[int]:
    batch = scheduler.take_long()
    assert batch is not None
    return lengths(batch)


@pytest.mark.parametrize(("executors", "patience"), [(1, PATIENCE**2), (2, PATIENCE)])
def test_long_entries_leave_every_other_executor_to_short_ones(
    executors: int, patience: float
) -> None:
    scheduler, _ = with_a_short_one_before(executors)
    submit(scheduler, LONG, SHORT)
    assert lengths(take(scheduler)) == [SHORT]
    with pytest.raises(WouldWait) as wait:
        scheduler.take()
    assert wait.value.seconds == pytest.approx(patience * SECONDS)
    assert take_long(scheduler) == [LONG]


def test_with_many_executors_long_entries_run_on_all_but_two() -> None:
    scheduler, _ = with_a_short_one_before(4)
    submit(scheduler, LONG, LONG, LONG)
    assert [lengths(take(scheduler)) for _ in range(2)] == [[LONG]] * 2
    with pytest.raises(WouldWait):
        scheduler.take()


def test_patience_ends_the_wait_for_the_background() -> None:
    scheduler, clock = with_a_short_one_before(2)
    submit(scheduler, LONG, LONG)
    assert take_long(scheduler) == [LONG]
    clock.now += PATIENCE * SECONDS
    assert lengths(take(scheduler)) == [LONG]


def test_the_last_executor_waits_longer_for_it() -> None:
    scheduler, clock = with_a_short_one_before(2)
    submit(scheduler, LONG, LONG)
    clock.now += PATIENCE * SECONDS
    assert lengths(take(scheduler)) == [LONG]
    submit(scheduler, SHORT)
    assert lengths(take(scheduler)) == [SHORT]
    with pytest.raises(WouldWait) as wait:
        scheduler.take()
    assert wait.value.seconds == pytest.approx((PATIENCE - 1) * PATIENCE * SECONDS)


def test_long_entries_alone_run_on_every_executor() -> None:
    scheduler, _ = make(2, background=True)
    submit(scheduler, LONG, LONG, LONG)
    assert [lengths(take(scheduler)) for _ in range(2)] == [[LONG]] * 2
    assert take_long(scheduler) == [LONG]


def test_nothing_short_runs_in_the_background() -> None:
    scheduler, _ = make(1, background=True)
    submit(scheduler, SHORT)
    with pytest.raises(WouldWait) as wait:
        scheduler.take_long()
    assert wait.value.seconds is None


def test_what_runs_in_the_background_delays_nobody_s_admission() -> None:
    scheduler, _ = with_a_short_one_before(2)
    before = scheduler.expected_wait_seconds
    submit(scheduler, LONG, LONG)
    assert scheduler.expected_wait_seconds == before
    take_long(scheduler)
    assert scheduler.expected_wait_seconds == before


def test_a_closed_scheduler_runs_what_waits_for_the_background_and_ends_it() -> None:
    scheduler, _ = with_a_short_one_before(2)
    submit(scheduler, LONG)
    scheduler.close()
    assert take_long(scheduler) == [LONG]
    assert scheduler.take_long() is None


class Observed(FakeServable):
    """Remembers the niceness of the thread of each run."""

    def __init__(self) -> None:
        super().__init__(COST)
        self.niceness: list[tuple[int, int]] = []

    def run(self, encodings: Sequence[Encoding]) -> list[Logits]:
        own = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
        self.niceness.append((encodings[0].tokens, own))
        return super().run(encodings)


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone counts niceness by thread")
def test_the_background_runs_at_a_lower_priority_and_so_does_its_replacement() -> None:
    delivered, died, three = list[Completed](), threading.Event(), threading.Event()

    def deliver(completed: Completed) -> None:
        delivered.append(completed)
        if len(delivered) == 3:
            three.set()

    scheduler = Scheduler(1, 1e9, background=True)
    pool = ExecutorPool(scheduler, 1, deliver, died.set, background=True)
    servable, ended = Observed(), Ended()
    # With a short one of this moment the long ones wait for the background.
    scheduler.submit([ended.entry(servable, SHORT)])
    for first_id in (DEADLY, 1):
        scheduler.submit([ended.entry(servable, 100 * LONG, first_id=first_id)])
    pool.start()
    assert died.wait(30)
    assert three.wait(30)
    scheduler.close()
    pool.join()
    usual = os.getpriority(os.PRIO_PROCESS, os.getpid())
    assert sorted(servable.niceness) == [
        (SHORT, usual), *[(100 * LONG, usual + BACKGROUND_NICENESS)] * 2
    ]  # fmt: skip
