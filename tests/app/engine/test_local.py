"""Executors and the event loop's door to them: every entry ends exactly once, whatever happens."""

import asyncio
import gc
import threading
import weakref

import pytest

from app.engine.batching.cost_model import Cost
from app.engine.local import LocalEngine
from app.errors import DeadlineExceeded, InferenceFailed, InvalidRequest, NotReady, Overloaded
from tests.support.fakes import DEADLY, NOT_FINITE, POISON, FakeServable, encoding
from tests.support.runs import run, running, until_running

pytestmark = pytest.mark.anyio

SOON = 1e9
# A text of 100 tokens is long, and held back for hours if need be.
NO_HURRY = Cost(overhead_seconds=0.0, seconds_per_token=60.0, budget_tokens=40)


def sample(engine: LocalEngine, name: str, **labels: str) -> float:
    value = engine._metrics.registry.get_sample_value(name, labels)
    return 0.0 if value is None else value


async def test_results_come_back_in_the_order_of_the_encodings() -> None:
    async with running(executors=2) as engine:
        encodings = [encoding(tokens, first_id=tokens) for tokens in (9, 3, 30, 4, 5)]
        result = await run(engine, FakeServable(), encodings, SOON)
    assert [int(logits[1]) for logits in result.logits] == [9, 3, 30, 4, 5]
    assert result.queue_seconds >= 0
    assert result.run_seconds > 0


async def test_nothing_is_sealed_while_all_executors_are_busy() -> None:
    gate = threading.Event()
    servable = FakeServable(gate=gate)
    async with running() as engine:
        first = asyncio.ensure_future(run(engine, servable, [encoding(8)], SOON))
        await until_running(servable)
        rest = [asyncio.ensure_future(run(engine, servable, [encoding(8)], SOON)) for _ in range(9)]
        await asyncio.sleep(0)
        assert engine.scheduler.queued == 9
        gate.set()
        await asyncio.gather(first, *rest)
    assert servable.batches == [[8], [8] * 9]


async def test_a_poison_input_fails_alone() -> None:
    gate = threading.Event()
    servable = FakeServable(gate=gate)
    async with running() as engine:
        first = asyncio.ensure_future(run(engine, servable, [encoding(8)], SOON))
        await until_running(servable)
        ids = (1, POISON, 3)
        runs = [asyncio.ensure_future(run(engine, servable, [encoding(8, i)], SOON)) for i in ids]
        await asyncio.sleep(0)
        gate.set()
        outcomes = await asyncio.gather(first, *runs, return_exceptions=True)
    assert [isinstance(outcome, InferenceFailed) for outcome in outcomes] == [
        False,
        False,
        True,
        False,
    ]
    assert sample(engine, "classmark_batch_failures_total", model="fake") == 1


@pytest.mark.parametrize("first_id", NOT_FINITE)
async def test_logits_that_are_not_finite_fail_their_input_alone(first_id: int) -> None:
    gate = threading.Event()
    servable = FakeServable(gate=gate)
    async with running() as engine:
        first = asyncio.ensure_future(run(engine, servable, [encoding(8)], SOON))
        await until_running(servable)
        ids = (1, first_id)
        runs = [asyncio.ensure_future(run(engine, servable, [encoding(8, i)], SOON)) for i in ids]
        await asyncio.sleep(0)
        gate.set()
        _, good, bad = await asyncio.gather(first, *runs, return_exceptions=True)
    assert isinstance(bad, InferenceFailed)
    assert not isinstance(good, BaseException)


async def test_an_empty_encoding_is_refused_and_never_queued() -> None:
    async with running() as engine:
        with pytest.raises(InvalidRequest, match="no token"):
            await run(engine, FakeServable(), [encoding(8), encoding(0)], SOON)
        assert engine.scheduler.queued == 0


async def test_a_deadline_that_has_passed_is_no_overload() -> None:
    async with running() as engine:
        late = engine.clock() - 51
        with pytest.raises(DeadlineExceeded):
            engine.check_admission(late, 0.0)
        with pytest.raises(DeadlineExceeded):
            await run(engine, FakeServable(), [encoding(8)], late)


async def test_an_idle_executor_holds_nothing_of_what_it_ran() -> None:
    async with running(executors=2) as engine:
        servable = FakeServable()
        gone = threading.Event()
        weakref.finalize(servable, gone.set)
        await run(engine, servable, [encoding(8)] * 20, SOON)
        del servable
        assert await asyncio.to_thread(gone.wait, 10)


async def test_a_failing_input_fails_its_request_and_drops_the_others_of_it() -> None:
    servable = FakeServable(Cost(0.01, 0.001, budget_tokens=8))
    async with running() as engine:
        with pytest.raises(InferenceFailed, match="ValueError"):
            await run(engine, servable, [encoding(8, POISON)] + [encoding(8)] * 50, SOON)
        assert engine.scheduler.queued == 0


async def test_a_dead_executor_is_replaced_and_its_entries_fail() -> None:
    servable = FakeServable()
    async with running() as engine:
        with pytest.raises(InferenceFailed, match="executor died"):
            await run(engine, servable, [encoding(8, DEADLY)], SOON)
        result = await run(engine, servable, [encoding(8)], SOON)
        assert len(result.logits) == 1
        assert engine.health().alive == 1
        assert sample(engine, "classmark_executor_restarts_total") == 1


async def test_short_texts_never_wait_for_long_ones_that_run_and_queue() -> None:
    gate = threading.Event()
    short, long_ = FakeServable(NO_HURRY), FakeServable(NO_HURRY, gate=gate)
    async with running(executors=2) as engine:
        await run(engine, short, [encoding(8)], SOON)
        runs = [asyncio.ensure_future(run(engine, long_, [encoding(100)], SOON)) for _ in range(3)]
        await until_running(long_)
        try:
            async with asyncio.timeout(10):
                for _ in range(3):
                    await run(engine, short, [encoding(8)], SOON)
            assert long_.batches == [[100]]
        finally:
            gate.set()  # or a test that fails would never end
        await asyncio.gather(*runs)


async def test_the_death_of_an_executor_with_a_long_text_lets_the_next_long_one_run() -> None:
    gate = threading.Event()
    short, long_ = FakeServable(NO_HURRY), FakeServable(NO_HURRY, gate=gate)
    async with running(executors=2) as engine:
        await run(engine, short, [encoding(8)], SOON)
        deadly = asyncio.ensure_future(run(engine, long_, [encoding(100, DEADLY)], SOON))
        await until_running(long_)
        next_ = asyncio.ensure_future(run(engine, long_, [encoding(100)], SOON))
        await run(engine, short, [encoding(8)], SOON)
        assert long_.batches == [[100]]
        gate.set()
        with pytest.raises(InferenceFailed, match="executor died"):
            await deadly
        async with asyncio.timeout(30):
            await next_


async def test_a_request_past_its_deadline_ends_though_its_batch_still_runs() -> None:
    gate = threading.Event()
    servable = FakeServable(gate=gate)
    async with running() as engine:
        with pytest.raises(DeadlineExceeded, match="X-Request-Timeout-Seconds"):
            await run(engine, servable, [encoding(8)], engine.clock() + 0.05)
        gate.set()


async def test_a_queued_request_whose_caller_leaves_never_runs() -> None:
    gate = threading.Event()
    servable = FakeServable(gate=gate)
    async with running() as engine:
        first = asyncio.ensure_future(run(engine, servable, [encoding(8)], SOON))
        await until_running(servable)
        second = asyncio.ensure_future(run(engine, servable, [encoding(9)], SOON))
        await asyncio.sleep(0)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        assert engine.scheduler.queued == 0
        gate.set()
        await first
    assert servable.batches == [[8]]


async def test_stopping_answers_what_was_accepted_and_refuses_the_rest() -> None:
    gate = threading.Event()
    servable = FakeServable(gate=gate)
    async with running() as engine:
        accepted = [
            asyncio.ensure_future(run(engine, servable, [encoding(8)], SOON)) for _ in range(5)
        ]
        await until_running(servable)
        stopping = asyncio.ensure_future(engine.stop())
        await asyncio.sleep(0)
        with pytest.raises(NotReady):
            await run(engine, servable, [encoding(8)], SOON)
        gate.set()
        runs = await asyncio.gather(*accepted)
        await stopping
    assert len(runs) == 5


async def test_overload_is_refused_at_once() -> None:
    gate = threading.Event()
    servable = FakeServable(gate=gate)
    # An encoding takes 18 ms: the first has that left at most, and the third waits for four.
    async with running(max_queue_seconds=0.04) as engine:
        first = asyncio.ensure_future(run(engine, servable, [encoding(8)], SOON))
        await until_running(servable)
        second = asyncio.ensure_future(run(engine, servable, [encoding(8)] * 4, SOON))
        await asyncio.sleep(0)
        with pytest.raises(Overloaded):
            await run(engine, servable, [encoding(8)], SOON)
        gate.set()
        await asyncio.gather(first, second)


async def test_batches_and_their_padding_are_measured() -> None:
    gate = threading.Event()
    servable = FakeServable(gate=gate)
    async with running() as engine:
        first = asyncio.ensure_future(run(engine, servable, [encoding(8)], SOON))
        await until_running(servable)
        second = asyncio.ensure_future(run(engine, servable, [encoding(8), encoding(10)], SOON))
        await asyncio.sleep(0)
        gate.set()
        await asyncio.gather(first, second)
    assert sample(engine, "classmark_batch_tokens_total", model="fake", kind="real") == 26
    assert sample(engine, "classmark_batch_tokens_total", model="fake", kind="padding") == 2
    assert sample(engine, "classmark_batch_entries_count", model="fake") == 2


async def test_what_a_request_held_is_freed_without_the_collector() -> None:
    async with running() as engine:
        gc.disable()
        try:
            one = encoding(8)
            freed = weakref.ref(one)
            await run(engine, FakeServable(), [one], SOON)
            del one
            await asyncio.to_thread(engine.scheduler.close)
            await engine.stop()
            assert freed() is None
        finally:
            gc.enable()
