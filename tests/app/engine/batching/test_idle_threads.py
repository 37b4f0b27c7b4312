"""Who is woken: threads that really wait."""

import threading
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager

from app.engine.batching.cost_model import Cost
from app.engine.batching.entry import Batch
from app.engine.batching.scheduler import Scheduler
from tests.support.fakes import Ended, FakeClock, FakeServable


class WatchedClock(FakeClock):
    """Tells when another thread reads it.

    An executor does so under the scheduler's lock, which it only lets go of to wait. So after
    `until_read` whatever takes that lock finds the executor waiting, or gone with a batch.
    """

    def __init__(self) -> None:
        super().__init__()
        self._owner = threading.get_ident()
        self._read = threading.Semaphore(0)

    def __call__(self) -> float:
        if threading.get_ident() != self._owner:
            self._read.release()
        return self.now

    def until_read(self) -> None:
        assert self._read.acquire(timeout=30)


HOUR = 3600.0
Taking = Future[Batch | None]


@contextmanager
def executors_of(scheduler: Scheduler) -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as pool:
        try:
            yield pool
        finally:
            scheduler.close()  # or a test that fails would never end


def start_to_take(scheduler: Scheduler, pool: ThreadPoolExecutor, clock: WatchedClock) -> Taking:
    taking = pool.submit(scheduler.take)
    clock.until_read()
    return taking


def test_the_executor_that_became_idle_last_is_woken_first() -> None:
    clock = WatchedClock()
    scheduler, servable, ended = Scheduler(3, 1e9, clock), FakeServable(), Ended()
    with executors_of(scheduler) as pool:
        waiting = [start_to_take(scheduler, pool, clock) for _ in range(3)]
        for last in reversed(waiting):
            scheduler.submit([ended.entry(servable, 8)])
            done, _ = wait(waiting, timeout=30, return_when=FIRST_COMPLETED)
            assert done == {last}
            waiting.remove(last)


def test_every_entry_of_a_request_wakes_an_executor() -> None:
    clock = WatchedClock()
    scheduler, ended = Scheduler(2, 1e9, clock), Ended()
    servable = FakeServable(batch_invariant=False)
    with executors_of(scheduler) as pool:
        waiting = [start_to_take(scheduler, pool, clock) for _ in range(2)]
        scheduler.submit([ended.entry(servable, 8), ended.entry(servable, 8)])
        assert all(taking.result(30) for taking in waiting)


def test_close_wakes_everyone() -> None:
    clock = WatchedClock()
    scheduler = Scheduler(2, 1e9, clock)
    with executors_of(scheduler) as pool:
        waiting = [start_to_take(scheduler, pool, clock) for _ in range(2)]
        scheduler.close()
        assert [taking.result(30) for taking in waiting] == [None, None]


def hold_one(scheduler: Scheduler, seconds: float) -> Batch:
    """Let a long entry run and hold another back, of so many seconds each; return what runs."""
    servable, ended = FakeServable(Cost(0.0, seconds / 100, budget_tokens=40)), Ended()
    for tokens in (8, 100):
        scheduler.submit([ended.entry(servable, tokens)])
        running = scheduler.take()
        assert running is not None
    scheduler.submit([ended.entry(servable, 100)])
    return running


def test_a_short_entry_wakes_the_executor_that_holds_a_long_one_back() -> None:
    clock = WatchedClock()
    scheduler, short = Scheduler(2, 1e9, clock), Ended().entry(FakeServable(), 8)
    hold_one(scheduler, HOUR)
    with executors_of(scheduler) as pool:
        taking = start_to_take(scheduler, pool, clock)
        scheduler.submit([short])
        batch = taking.result(30)
    assert batch is not None
    assert batch.entries == (short,)
    assert scheduler.queued == 1


def test_the_end_of_a_long_run_wakes_the_executor_that_holds_another_back() -> None:
    clock = WatchedClock()
    scheduler = Scheduler(2, 1e9, clock)
    running = hold_one(scheduler, HOUR)
    with executors_of(scheduler) as pool:
        taking = start_to_take(scheduler, pool, clock)
        scheduler.finished(running, HOUR)
        batch = taking.result(30)
    assert batch is not None
    assert batch.long


def test_close_wakes_the_executor_that_holds_a_long_entry_back() -> None:
    clock = WatchedClock()
    scheduler = Scheduler(2, 1e9, clock)
    hold_one(scheduler, HOUR)
    with executors_of(scheduler) as pool:
        taking = start_to_take(scheduler, pool, clock)
        scheduler.close()
        batch = taking.result(30)
    assert batch is not None
    assert batch.long


def test_nobody_need_wake_the_executor_when_patience_is_out() -> None:
    scheduler = Scheduler(2, 1e9)
    hold_one(scheduler, seconds=0.01)
    with executors_of(scheduler) as pool:
        batch = pool.submit(scheduler.take).result(30)
    assert batch is not None
    assert batch.long
