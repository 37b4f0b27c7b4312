"""The scheduler's guarantees, on a simulated clock and a servable without hardware."""

import random
import threading

import pytest

from app.engine.batching.cost_model import Cost
from app.engine.batching.entry import Batch, Entry
from app.engine.batching.long_entries import PATIENCE
from app.engine.batching.queue import LOOKAHEAD
from app.errors import NotReady, Overloaded
from tests.support.fakes import Ended, FakeServable
from tests.support.simulation import Simulation, lengths, make, take


def test_an_idle_device_takes_a_lone_entry_at_once() -> None:
    scheduler, clock = make()
    entry = Ended().entry(FakeServable(), 10)
    scheduler.submit([entry])
    batch = take(scheduler)
    assert batch.entries == (entry,)
    assert entry.started_at == entry.submitted_at == clock.now


def test_the_oldest_always_goes_and_takes_the_nearest_in_length() -> None:
    scheduler, _ = make()
    servable, ended = FakeServable(Cost(0.01, 0.001, 60)), Ended()
    for tokens in (20, 100, 19, 5, 30):
        scheduler.submit([ended.entry(servable, tokens)])
    assert lengths(take(scheduler)) == [20, 19]
    assert lengths(take(scheduler)) == [100], "the oldest went, though it fits no budget"
    assert lengths(take(scheduler)) == [5]
    assert lengths(take(scheduler)) == [30]


def test_entries_of_different_models_never_share_a_batch() -> None:
    scheduler, _ = make()
    ended, one, two = Ended(), FakeServable(name="one"), FakeServable(name="two")
    for servable in (one, two, one, two):
        scheduler.submit([ended.entry(servable, 8)])
    batches = [take(scheduler), take(scheduler)]
    assert [batch.servable for batch in batches] == [one, two]
    assert all(entry.servable is batch.servable for batch in batches for entry in batch.entries)


def test_a_graph_that_is_not_batch_invariant_runs_one_entry_at_a_time() -> None:
    scheduler, _ = make()
    servable, ended = FakeServable(batch_invariant=False), Ended()
    scheduler.submit([ended.entry(servable, 8) for _ in range(5)])
    assert [lengths(take(scheduler)) for _ in range(5)] == [[8]] * 5


def test_an_entry_joins_only_while_its_padding_costs_less_than_a_batch_of_its_own() -> None:
    scheduler, _ = make()
    # The overhead of a batch is worth 10 tokens.
    servable, ended = FakeServable(Cost(0.010, 0.001, 1000)), Ended()
    for tokens in (50, 41, 30):
        scheduler.submit([ended.entry(servable, tokens)])
    assert sorted(lengths(take(scheduler))) == [41, 50]
    assert lengths(take(scheduler)) == [30]


def test_an_entry_does_not_join_the_oldest_where_it_fits_others_better() -> None:
    scheduler, _ = make()
    servable, ended = FakeServable(Cost(0.010, 0.001, 1000)), Ended()
    for tokens in (50, 41, 39):
        scheduler.submit([ended.entry(servable, tokens)])
    assert lengths(take(scheduler)) == [50]
    assert sorted(lengths(take(scheduler))) == [39, 41]


def test_batches_of_more_entries_than_are_weighed_still_fill_their_budget() -> None:
    scheduler, _ = make()
    servable, ended = FakeServable(Cost(0.010, 0.001, 8 * 4 * LOOKAHEAD)), Ended()
    scheduler.submit([ended.entry(servable, 8) for _ in range(5 * LOOKAHEAD)])
    assert [len(take(scheduler).entries) for _ in range(2)] == [4 * LOOKAHEAD, LOOKAHEAD]


def test_an_expired_entry_never_joins_the_oldest() -> None:
    scheduler, clock = make()
    servable, ended = FakeServable(Cost(0.010, 0.001, 100)), Ended()
    live, late = ended.entry(servable, 8), ended.entry(servable, 8, deadline=clock.now + 1)
    scheduler.submit([live])
    scheduler.submit([late])
    clock.now += 2
    assert take(scheduler).entries == (live,)
    assert take(scheduler).expired == (late,)


def test_an_expired_entry_is_dropped_before_it_costs_device_time() -> None:
    scheduler, clock = make()
    servable, ended = FakeServable(), Ended()
    late = ended.entry(servable, 8, deadline=clock.now + 1)
    live = ended.entry(servable, 8)
    scheduler.submit([late])
    scheduler.submit([live])
    clock.now += 2
    batch = take(scheduler)
    assert batch.entries == (live,)
    assert batch.expired == (late,)


def test_when_all_have_expired_the_batch_only_reports_them() -> None:
    scheduler, clock = make()
    entries = [Ended().entry(FakeServable(), 8, deadline=clock.now + 1) for _ in range(3)]
    scheduler.submit(entries)
    clock.now += 2
    batch = take(scheduler)
    assert batch.entries == ()
    assert batch.expired == tuple(entries)
    assert scheduler.queued == 0


def test_discarded_entries_leave_the_queue_and_its_expected_wait() -> None:
    scheduler, _ = make()
    servable, ended = FakeServable(), Ended()
    entries = [ended.entry(servable, 8) for _ in range(4)]
    scheduler.submit(entries)
    scheduler.discard(entries[:3])
    scheduler.discard(entries[:3])
    assert scheduler.queued == 1
    assert scheduler.expected_wait_seconds == pytest.approx(entries[3].seconds_alone)
    assert take(scheduler).entries == (entries[3],)


def test_admission_refuses_what_would_wait_too_long_and_says_when_to_return() -> None:
    scheduler, _ = make(max_queue_seconds=0.1)
    servable, ended = FakeServable(Cost(0.0, 0.01, 100)), Ended()
    scheduler.submit([ended.entry(servable, 10)])
    scheduler.submit([ended.entry(servable, 10)])
    with pytest.raises(Overloaded, match=r"0\.20 s and the limit is 0\.10 s") as refused:
        scheduler.submit([ended.entry(servable, 1)])
    assert refused.value.retry_after_seconds >= 0.1
    assert scheduler.queued == 2


def test_admission_refuses_a_request_whose_own_deadline_the_queue_would_miss() -> None:
    scheduler, clock = make()
    servable, ended = FakeServable(Cost(0.0, 0.01, 100)), Ended()
    scheduler.submit([ended.entry(servable, 100)])
    with pytest.raises(Overloaded):
        scheduler.submit([ended.entry(servable, 1, deadline=clock.now + 0.5)])


def test_admission_can_be_asked_before_a_request_is_encoded_and_says_the_same() -> None:
    scheduler, clock = make(max_queue_seconds=0.05)
    servable, ended = FakeServable(Cost(0.0, 0.001, 64)), Ended()
    scheduler.check_admission(clock.now + 1, 0.0)
    scheduler.submit([ended.entry(servable, 60)])
    with pytest.raises(Overloaded) as asked:
        scheduler.check_admission(clock.now + 1, 0.0)
    with pytest.raises(Overloaded) as told:
        scheduler.submit([ended.entry(servable, 60, clock.now + 1)])
    assert str(asked.value) == str(told.value)
    scheduler.close()
    with pytest.raises(NotReady):
        scheduler.check_admission(clock.now + 1, 0.0)


def test_an_idle_service_admits_a_request_of_any_size() -> None:
    scheduler, _ = make(max_queue_seconds=0.001)
    servable, ended = FakeServable(), Ended()
    scheduler.submit([ended.entry(servable, 500) for _ in range(100)])
    assert scheduler.queued == 100


def test_the_expected_wait_follows_the_pace_batches_really_run_at() -> None:
    scheduler, _ = make(executors=2)
    servable, ended = FakeServable(Cost(0.0, 0.01, 100)), Ended()
    done = Batch(servable, (ended.entry(servable, 10),), (), 0.0)
    for _ in range(200):
        scheduler.finished(done, seconds=0.05)
    scheduler.submit([ended.entry(servable, 10)])
    assert scheduler.expected_wait_seconds == pytest.approx(0.05 / 2, rel=0.01)


def test_a_closed_scheduler_refuses_new_work_and_finishes_the_old() -> None:
    scheduler, _ = make()
    servable, ended = FakeServable(), Ended()
    scheduler.submit([ended.entry(servable, 8)])
    scheduler.close()
    with pytest.raises(NotReady):
        scheduler.submit([ended.entry(servable, 8)])
    assert take(scheduler).entries
    assert scheduler.take() is None


@pytest.mark.parametrize("seed", range(8))
def test_under_random_load_every_guarantee_holds(seed: int) -> None:
    rng = random.Random(seed)
    scheduler, clock = make(executors=2)
    servables = [FakeServable(), FakeServable(batch_invariant=False)]
    ended, simulation = Ended(), Simulation(scheduler, clock, executors=2)
    entries: list[Entry] = []
    time = clock.now
    for _ in range(600):
        time += rng.expovariate(60)
        group = [
            ended.entry(rng.choice(servables), rng.randint(3, 300), time + rng.choice([2, 1e9]))
            for _ in range(rng.choice([1, 1, 4]))
        ]
        entries += group
        simulation.arrive(time, group)
        if rng.random() < 0.1:
            simulation.cancel(time + rng.random(), group)
    simulation.run()

    assert len(ended.entries) == len(entries), "an entry ended twice or never"
    assert scheduler.queued == 0
    assert scheduler.expected_wait_seconds == 0
    for batch in simulation.batches:
        budget = batch.servable.cost.budget_tokens
        assert batch.padded_tokens <= budget or len(batch.entries) == 1, "budget exceeded"
        if not batch.servable.batch_invariant:
            assert len(batch.entries) <= 1
    _assert_oldest_never_starves(simulation.batches, entries)


def _assert_oldest_never_starves(batches: list[Batch], entries: list[Entry]) -> None:
    """Each batch holds the oldest entry then queued, so an entry's rank only ever falls.

    Only a long entry may be passed over, and only while patience lasts.
    """
    order = {entry: rank for rank, entry in enumerate(entries)}
    for index, batch in enumerate(batches):
        if not batch.entries:
            continue
        first = batch.entries[0]
        later = {entry for other in batches[index + 1 :] for entry in other.entries}
        waiting = [
            e
            for e in later
            if e.submitted_at + (PATIENCE * e.seconds_alone if e.long else 0.0) <= batch.sealed_at
            and order[e] < order[first]
        ]
        assert not waiting, "a younger entry went before an older one"


@pytest.mark.parametrize("name", ["queued", "expected_wait_seconds"])
def test_what_is_queued_is_read_under_the_lock(name: str) -> None:
    scheduler, _ = make()
    asked, answered = threading.Event(), threading.Event()

    def read() -> None:
        asked.set()
        getattr(scheduler, name)
        answered.set()

    reader = threading.Thread(target=read)
    with scheduler._lock:
        reader.start()
        assert asked.wait(10)
        assert not answered.wait(0.05)
    reader.join(10)
    assert answered.is_set()
