"""How long the next entry waits, by what runs and what is queued."""

import pytest

from app.engine.batching.cost_model import Cost
from app.engine.batching.entry import Batch
from app.engine.batching.wait_estimate import WaitEstimate
from tests.support.fakes import Ended, FakeServable

# An entry of 10 tokens takes 0.1 s.
COST = Cost(overhead_seconds=0.0, seconds_per_token=0.01, budget_tokens=100)


def batch(tokens: int, sealed_at: float = 0.0) -> Batch:
    servable = FakeServable(COST)
    return Batch(servable, (Ended().entry(servable, tokens),), (), sealed_at)


def run(*batches: Batch, executors: int) -> WaitEstimate:
    running = WaitEstimate(executors)
    for one in batches:
        running.started(one)
    return running


def test_nothing_waits_where_an_executor_is_idle() -> None:
    assert run(batch(1000), executors=2).wait_seconds(0.0, pace=1.0, now=0.0) == 0.0


def test_the_next_entry_waits_for_the_first_executor_that_gets_free() -> None:
    running = run(batch(10), batch(30, sealed_at=0.1), executors=2)
    assert running.wait_seconds(0.0, pace=1.0, now=0.0) == pytest.approx(0.1)
    assert running.wait_seconds(0.0, pace=0.5, now=0.0) == pytest.approx(0.05)
    assert running.wait_seconds(0.0, pace=1.0, now=0.06) == pytest.approx(0.04)


def test_a_queue_is_spread_over_executors_as_they_get_free() -> None:
    running = run(batch(10), batch(30), executors=2)
    assert running.wait_seconds(0.1, pace=1.0, now=0.0) == pytest.approx(0.2), "all by the first"
    assert running.wait_seconds(0.6, pace=1.0, now=0.0) == pytest.approx(0.5), "0.4 and 0.2"


def test_a_batch_that_takes_longer_than_it_should_is_expected_to_end_now() -> None:
    running = run(batch(10), executors=1)
    assert running.wait_seconds(0.2, pace=1.0, now=50.0) == pytest.approx(0.2)


def test_a_batch_that_ended_counts_no_more() -> None:
    ended = batch(10)
    running = run(ended, executors=1)
    running.finished(ended)
    running.finished(ended)
    assert running.wait_seconds(0.0, pace=1.0, now=0.0) == 0.0
