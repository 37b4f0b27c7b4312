"""Long texts are worked on a few at a time, and those that would come too late are refused."""

import asyncio
import threading

import pytest

from app.engine.text.text_pool import TextPool
from app.errors import Overloaded
from tests.support.fakes import FakeClock

pytestmark = pytest.mark.anyio


def make(threads: int = 1, max_wait_seconds: float = 5.0) -> tuple[TextPool, FakeClock]:
    clock = FakeClock()
    pool = TextPool(threads, max_wait_seconds, clock)
    pool._paces = {"encode": 0.001, "decode": 0.001}
    return pool, clock


async def test_work_is_done_on_another_thread_and_its_errors_come_back() -> None:
    pool, _ = make()
    threads: list[threading.Thread] = []
    await pool.run("encode", 10, lambda: threads.append(threading.current_thread()))
    assert threads[0] is not threading.current_thread()
    with pytest.raises(ZeroDivisionError):
        await pool.run("encode", 10, lambda: [1][0] // 0 and None)
    pool.close()


async def test_no_more_texts_than_threads_are_worked_on_at_a_time() -> None:
    pool, _ = make(threads=2)
    gate, entered = threading.Event(), threading.Semaphore(0)
    at_once, most = 0, 0

    def work() -> None:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        entered.release()
        assert gate.wait(30)
        at_once -= 1

    running = [pool.run("encode", 10, work) for _ in range(6)]
    for _ in range(2):
        assert await asyncio.to_thread(entered.acquire, timeout=30)
    gate.set()
    await asyncio.gather(*running)
    assert most == 2
    pool.close()


async def test_a_text_that_would_be_read_after_its_deadline_is_refused_while_others_wait() -> None:
    pool, clock = make()
    gate = threading.Event()
    running = pool.run("encode", 600, lambda: gate.wait(30) and None)
    assert pool.expected_wait_seconds == pytest.approx(0.6)
    pool.check_admission("encode", 300, clock() + 1.0)
    with pytest.raises(Overloaded, match="send shorter texts") as refused:
        pool.check_admission("encode", 600, clock() + 1.0)
    assert refused.value.retry_after_seconds >= 0.6
    with pytest.raises(Overloaded) as second:
        pool.check_admission("encode", 6000, clock() + 1.0)
    assert second.value.retry_after_seconds > refused.value.retry_after_seconds
    gate.set()
    await running
    pool.check_admission("encode", 600, clock() + 1.0)
    pool.close()


async def test_a_text_that_takes_longer_than_its_time_alone_is_left_to_its_deadline() -> None:
    pool, clock = make()
    pool.check_admission("encode", 5000, clock() + 1.0)
    pool.close()


async def test_a_wait_over_the_limit_is_refused_whatever_the_deadline() -> None:
    pool, clock = make(max_wait_seconds=0.5)
    gate = threading.Event()
    running = pool.run("encode", 600, lambda: gate.wait(30) and None)
    with pytest.raises(Overloaded):
        pool.check_admission("encode", 1, clock() + 1000)
    gate.set()
    await running
    pool.close()


async def test_what_is_cancelled_before_its_turn_is_never_done_and_frees_its_place() -> None:
    pool, _ = make()
    gate, done = threading.Event(), threading.Event()
    first = pool.run("encode", 10, lambda: gate.wait(30) and None)
    second = pool.run("encode", 1000, done.set)
    second.cancel()
    await asyncio.sleep(0)
    assert pool.expected_wait_seconds == pytest.approx(0.01)
    gate.set()
    await first
    await pool.run("encode", 10, lambda: None)
    assert not done.is_set()
    pool.close()


async def test_the_pace_follows_what_was_measured() -> None:
    pool, _ = make()
    before = pool._paces["encode"]
    await pool.run("encode", 1_000_000, lambda: None)
    assert pool._paces["encode"] < before
    pool.close()
