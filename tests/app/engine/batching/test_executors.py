"""The pool's threads, from start to join."""

import queue
import threading

from app.engine.batching.executors import CompletedBatch, ExecutorPool
from app.engine.batching.scheduler import Scheduler
from tests.support.fakes import DEADLY, Ended, FakeClock, FakeServable


def test_join_waits_for_the_replacement_of_an_executor_that_died_meanwhile() -> None:
    died, joining, gate = threading.Event(), threading.Event(), threading.Event()
    scheduler, ended, delivered = Scheduler(1, 1e9), Ended(), list[CompletedBatch]()
    last = FakeServable(gate=gate)

    def on_death() -> None:
        died.set()
        assert joining.wait(30)

    pool = ExecutorPool(scheduler, 1, delivered.append, on_death)
    scheduler.submit([ended.entry(FakeServable(), 8, first_id=DEADLY), ended.entry(last, 8)])
    pool.start()
    assert died.wait(30)
    scheduler.close()
    stopping = threading.Thread(target=pool.join)
    stopping.start()
    joining.set()
    assert last.entered.acquire(timeout=30)
    stopping.join(0.1)
    assert stopping.is_alive(), "the last batch still runs"
    gate.set()
    stopping.join(30)
    assert len(delivered) == 2
    assert pool.health().alive == 0


def test_busy_time_is_that_of_all_batches_the_running_ones_included() -> None:
    clock, gate, ended = FakeClock(), threading.Event(), Ended()
    delivered: queue.Queue[CompletedBatch] = queue.Queue()
    scheduler = Scheduler(2, 1e9)
    pool = ExecutorPool(scheduler, 2, delivered.put, lambda: None, clock)
    held = FakeServable(gate=gate, name="held")
    dead = FakeServable(gate=gate, name="dead")
    scheduler.submit([ended.entry(held, 8)])
    scheduler.submit([ended.entry(dead, 8, first_id=DEADLY)])
    assert pool.busy_seconds() == 0
    pool.start()
    for one in (held, dead):
        assert one.entered.acquire(timeout=30)
    clock.now += 3
    assert pool.busy_seconds() == 6
    gate.set()
    for _ in range(2):
        delivered.get(timeout=30)
    clock.now += 10
    assert pool.busy_seconds() == 6, "a batch counts once, even one whose executor died"
    scheduler.close()
    pool.join()
