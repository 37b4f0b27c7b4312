"""What one request wants of several servables is queued at once, all of it or none."""

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import pytest

from app.engine.batching.cost_model import Cost
from app.engine.interface import RunResult
from app.engine.joint_run import JointRun
from app.engine.local import LocalEngine
from app.engine.text.encoding import Encoding
from app.errors import DeadlineExceeded, InferenceFailed, InvalidRequest, Overloaded
from tests.support.fakes import POISON, FakeServable, encoding
from tests.support.runs import running, until_running

pytestmark = pytest.mark.anyio
SOON = 1e9
QUICK = Cost(1e-9, 1e-9, 256)
Wanted = Sequence[tuple[FakeServable, list[Encoding]]]


async def run(engine: LocalEngine, wanted: Any, deadline: float = SOON) -> list[RunResult]:
    done = asyncio.Event()
    joint = JointRun(engine, wanted, deadline, done.set)
    try:
        await asyncio.wait_for(done.wait(), 30)
        return joint.result()
    finally:
        joint.close()


async def test_executors_run_the_servables_side_by_side() -> None:
    gate = threading.Event()
    one, other = FakeServable(gate=gate, name="one"), FakeServable(gate=gate, name="other")
    async with running(executors=2) as engine:
        wanted = [(one, [encoding(3, 5)]), (other, [encoding(4, 6), encoding(2, 7)])]
        both = asyncio.ensure_future(run(engine, wanted))
        await until_running(one)
        await until_running(other)  # though the first has not ended
        gate.set()
        first, second = await both
    assert [one.tolist() for one in first.logits] == [[5.0, 3.0]]
    assert [one.tolist() for one in second.logits] == [[6.0, 4.0], [7.0, 2.0]]


async def test_what_is_refused_is_refused_whole() -> None:
    gate = threading.Event()
    busy = FakeServable(Cost(1.0, 0.001, 8), gate=gate, name="busy")
    async with running(max_queue_seconds=0.5) as engine:
        held = asyncio.ensure_future(run(engine, [(busy, [encoding(8)])]))
        await until_running(busy)
        with pytest.raises(Overloaded):
            await run(engine, [(FakeServable(), [encoding(8)]), (busy, [encoding(8)] * 3)])
        assert engine.scheduler.queued == 0
        gate.set()
        await held


async def test_the_cost_of_one_servable_does_not_refuse_the_next_of_the_same_request() -> None:
    dear = Cost(100.0, 0.001, 8)
    async with running(max_queue_seconds=0.5) as engine:
        wanted = [(FakeServable(dear, name=name), [encoding(8)]) for name in "abc"]
        results = await run(engine, wanted)
    assert len(results) == 3
    assert sum(one.cost_seconds for one in results) == pytest.approx(300.024)


async def test_costs_are_shared_out_by_what_each_runs() -> None:
    async with running() as engine:
        wanted = [(FakeServable(Cost(n - 0.008, 0.001, 8)), [encoding(8)]) for n in (1, 3)]
        one, other = await run(engine, wanted)
    assert other.cost_seconds == pytest.approx(3 * one.cost_seconds)


async def test_a_poison_input_of_one_servable_fails_alone() -> None:
    async with running() as engine:
        wanted = [
            (FakeServable(name=n), [encoding(8), encoding(8, i)])
            for n, i in (("a", 2), ("b", POISON))
        ]
        good, bad = await run(engine, wanted)
    assert not good.failures
    assert list(bad.failures) == [1]
    assert isinstance(bad.failures[1], InferenceFailed)


async def test_a_deadline_ends_all_of_it() -> None:
    gate = threading.Event()
    busy = FakeServable(QUICK, gate=gate)
    async with running() as engine:
        held = asyncio.ensure_future(run(engine, [(busy, [encoding(8)])]))
        await until_running(busy)
        wanted = [(FakeServable(QUICK, name=name), [encoding(8)] * 3) for name in "ab"]
        with pytest.raises(DeadlineExceeded):
            await run(engine, wanted, engine.clock() + 0.5)  # of which it is expected to take none
        assert engine.scheduler.queued == 0
        gate.set()
        await held


async def test_what_is_closed_leaves_the_queue_and_nobody_is_told() -> None:
    gate = threading.Event()
    busy = FakeServable(gate=gate)
    async with running() as engine:
        held = asyncio.ensure_future(run(engine, [(busy, [encoding(8)])]))
        await until_running(busy)
        told: list[bool] = []
        wanted: Any = [(FakeServable(name=name), [encoding(8)] * 3) for name in "ab"]
        joint = JointRun(engine, wanted, SOON, lambda: told.append(True))
        assert engine.scheduler.queued == 6
        joint.close()
        assert engine.scheduler.queued == 0
        gate.set()
        await held
        assert not told


async def test_an_empty_encoding_refuses_all_of_it() -> None:
    async with running() as engine:
        with pytest.raises(InvalidRequest, match="no token"):
            await run(engine, [(FakeServable(), [encoding(8)]), (FakeServable(), [encoding(0)])])
        assert engine.scheduler.queued == 0
