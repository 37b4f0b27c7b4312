"""Long entries make way for short ones: what is held back, and what ends that."""

import random

import pytest

from app.engine.batching.cost_model import Cost
from app.engine.batching.entry import Entry
from app.engine.batching.long_entries import PATIENCE
from app.errors import Overloaded
from tests.support.fakes import Ended, FakeServable, encoding
from tests.support.simulation import Simulation, WouldWait, lengths, make, take

# An entry of 100 tokens is long: 1 s in a batch of its own. One of 10 takes 0.1 s.
COST = Cost(overhead_seconds=0.0, seconds_per_token=0.01, budget_tokens=40)
LONG, SHORT = 100, 10
SECONDS = COST.seconds(LONG)
# A usual text takes 4 ms, one of 512 tokens 44 ms: about MiniLM-L6 in int8 on one core.
MINILM = Cost(overhead_seconds=0.0018, seconds_per_token=0.000082, budget_tokens=256)


class Bench:
    """A scheduler to which a short entry came just now, and what submits to it one by one."""

    def __init__(self, executors: int = 2, max_queue_seconds: float = 1e9) -> None:
        self.scheduler, self.clock = make(executors, max_queue_seconds)
        self.servable, self._ended = FakeServable(COST), Ended()
        self.submit(SHORT)
        take(self.scheduler)

    def submit(self, tokens: int, deadline: float = 1e9) -> Entry:
        entry = self._ended.entry(self.servable, tokens, deadline)
        self.scheduler.submit([entry])
        return entry

    def taken(self) -> tuple[Entry, ...]:
        return take(self.scheduler).entries


def test_the_last_free_executor_takes_no_long_entry_while_others_run_on_the_rest() -> None:
    bench = Bench(executors=3)
    first, second = bench.submit(LONG), bench.submit(LONG)
    bench.submit(LONG)
    assert bench.taken() == (first,)
    assert bench.taken() == (second,)
    with pytest.raises(WouldWait) as wait:
        bench.scheduler.take()
    assert wait.value.seconds == pytest.approx(PATIENCE * SECONDS)


def test_a_short_entry_passes_long_ones_that_are_held_back_and_takes_none_along() -> None:
    bench = Bench()
    bench.submit(LONG)
    take(bench.scheduler)
    held = bench.submit(80)
    shorts = bench.submit(79), bench.submit(60)
    assert bench.taken() == shorts[:1]
    assert bench.taken() == shorts[1:]
    with pytest.raises(WouldWait):
        bench.scheduler.take()
    assert held.started_at == 0.0


def test_short_entries_keep_their_order_beside_one_that_is_held_back() -> None:
    bench = Bench()
    bench.submit(LONG)
    take(bench.scheduler)
    entries = [bench.submit(tokens) for tokens in (LONG, 40, 50, LONG, 10)]
    assert [bench.taken() for _ in range(3)] == [(entries[1],), (entries[2],), (entries[4],)]


def test_an_entry_held_back_is_taken_when_another_long_run_ends() -> None:
    bench = Bench()
    bench.submit(LONG)
    running = take(bench.scheduler)
    held = bench.submit(LONG)
    with pytest.raises(WouldWait):
        bench.scheduler.take()
    bench.scheduler.finished(running, SECONDS)
    assert bench.taken() == (held,)


def test_patience_bounds_how_long_an_entry_is_held_back() -> None:
    bench = Bench()
    bench.submit(LONG)
    take(bench.scheduler)
    held = bench.submit(LONG)
    short = bench.submit(SHORT)
    bench.clock.now += PATIENCE * SECONDS
    assert bench.taken() == (held,), "it is the oldest again"
    assert bench.taken() == (short,)


def test_each_entry_has_a_patience_of_its_own() -> None:
    bench = Bench()
    bench.submit(LONG)
    take(bench.scheduler)
    longest, shorter = bench.submit(4 * LONG), bench.submit(LONG)
    with pytest.raises(WouldWait) as wait:
        bench.scheduler.take()
    bench.clock.now += wait.value.seconds or 0.0
    assert bench.taken() == (shorter,)
    assert longest.started_at == 0.0


def test_patience_follows_the_pace_batches_really_run_at() -> None:
    bench = Bench()
    bench.submit(LONG)
    take(bench.scheduler)
    bench.submit(SHORT)
    done = take(bench.scheduler)
    for _ in range(200):
        bench.scheduler.finished(done, 2 * done.seconds_alone)
    bench.submit(LONG)
    with pytest.raises(WouldWait) as wait:
        bench.scheduler.take()
    assert wait.value.seconds == pytest.approx(2 * PATIENCE * SECONDS, rel=0.01)


def test_an_entry_near_its_deadline_is_not_held_until_it_expires() -> None:
    bench = Bench()
    bench.submit(LONG)
    take(bench.scheduler)
    held = bench.submit(LONG, deadline=bench.clock.now + PATIENCE * SECONDS + 0.5)
    with pytest.raises(WouldWait) as wait:
        bench.scheduler.take()
    assert wait.value.seconds == pytest.approx(0.5)
    bench.clock.now += 0.6
    assert bench.taken() == (held,)
    assert held.deadline - bench.clock.now > SECONDS, "there is time to run it"


def test_an_expired_entry_is_answered_at_once_beside_one_that_is_held_back() -> None:
    bench = Bench()
    bench.submit(LONG)
    take(bench.scheduler)
    bench.submit(LONG)
    late = bench.submit(SHORT, deadline=bench.clock.now + 0.5)
    bench.clock.now += 1
    batch = take(bench.scheduler)
    assert batch.entries == ()
    assert batch.expired == (late,)
    with pytest.raises(WouldWait):
        bench.scheduler.take()


def test_a_short_entry_is_not_refused_for_long_ones_that_it_passes() -> None:
    bench = Bench(max_queue_seconds=1.1 * SECONDS)
    bench.submit(LONG)
    take(bench.scheduler)
    for _ in range(2):
        bench.submit(LONG)
    with pytest.raises(Overloaded):
        bench.submit(LONG)
    bench.submit(SHORT)


def test_a_short_entry_waits_for_long_ones_whose_patience_is_out() -> None:
    bench = Bench()
    bench.submit(LONG)
    take(bench.scheduler)
    for _ in range(2):
        bench.submit(LONG)
    assert bench.scheduler.expected_wait_seconds < SECONDS, "it passes them"
    bench.clock.now += PATIENCE * SECONDS
    assert bench.scheduler.expected_wait_seconds >= SECONDS


def test_nothing_is_held_back_where_no_short_request_came_of_late() -> None:
    bench = Bench()
    bench.clock.now += PATIENCE * SECONDS
    entries = [bench.submit(LONG), bench.submit(LONG)]
    assert [bench.taken() for _ in entries] == [(entry,) for entry in entries]


def test_the_windows_of_one_long_text_run_on_every_executor() -> None:
    scheduler, _ = make(executors=2)
    servable, ended = FakeServable(COST), Ended()
    scheduler.submit([ended.entry(servable, tokens) for tokens in (LONG, LONG, SHORT)])
    assert lengths(take(scheduler)) == [LONG]
    assert lengths(take(scheduler)) == [LONG]


def test_nothing_is_held_back_after_close() -> None:
    bench = Bench()
    bench.submit(LONG)
    take(bench.scheduler)
    held = bench.submit(LONG)
    bench.scheduler.close()
    assert bench.taken() == (held,)
    assert bench.scheduler.take() is None


def test_a_single_executor_is_kept_free_of_nothing() -> None:
    bench = Bench(executors=1)
    entries = [bench.submit(LONG), bench.submit(LONG)]
    assert [bench.taken() for _ in entries] == [(entry,) for entry in entries]


@pytest.mark.parametrize("executors", [1, 2])
def test_no_long_entry_starts_while_a_short_one_is_queued(executors: int) -> None:
    bench = Bench(executors)
    held, *shorts = [bench.submit(tokens) for tokens in (LONG, 40, 50)]
    assert [bench.taken() for _ in shorts] == [(short,) for short in shorts]
    assert bench.taken() == (held,)


def test_long_is_what_its_own_model_takes_several_batches_time_for() -> None:
    bench = Bench()
    bench.submit(LONG)
    take(bench.scheduler)
    roomy = FakeServable(Cost(0.0, 0.01, budget_tokens=LONG))
    bench.submit(LONG)
    entry = Ended().entry(roomy, LONG)
    bench.scheduler.submit([entry])
    assert bench.taken() == (entry,)


def _simulate(
    seed: int, long_share: float, executors: int = 2, count: int = 12_000
) -> tuple[Simulation, list[float]]:
    """Run short texts at half of what the executors can do, with long ones among them.

    Returns:
        The run, and the seconds from submission to end of each short text, in ascending order.
    """
    rng = random.Random(seed)
    scheduler, clock = make(executors)
    servable, simulation = FakeServable(MINILM), Simulation(scheduler, clock, executors)
    rate = 0.5 * executors / MINILM.seconds(13)
    time, short = clock.now, []
    for _ in range(count):
        time += rng.expovariate(rate / (1 - long_share))
        tokens = 512 if rng.random() < long_share else rng.randint(6, 20)
        entry = Entry(servable, encoding(tokens), 1e9, lambda _: None)
        simulation.arrive(time, [entry])
        if tokens < 512:
            short.append(entry)
    simulation.run()
    return simulation, sorted(entry.ended_at - entry.submitted_at for entry in short)


@pytest.mark.parametrize("seed", range(3))
def test_long_texts_delay_the_slowest_short_ones_by_less_than_one_long_run(seed: int) -> None:
    _, without = _simulate(seed, long_share=0.0)
    _, beside_long = _simulate(seed, long_share=0.02)
    growth = beside_long[len(beside_long) * 99 // 100] - without[len(without) * 99 // 100]
    assert growth < MINILM.seconds(512)


@pytest.mark.parametrize("executors", [2, 3, 4])
def test_one_executor_at_least_runs_no_long_entry_while_patience_lasts(executors: int) -> None:
    simulation, _ = _simulate(0, 0.01, executors, count=4_000)
    queued = [b.entries[0].started_at - b.entries[0].submitted_at for b in simulation.batches]
    assert max(queued) < PATIENCE / 2 * MINILM.seconds(512), "patience was never out"
    assert simulation.most_long_runs == executors - 1
