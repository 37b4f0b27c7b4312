"""A refused request is told when there will be room for one of its size, and then there is."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from app.engine.admission import LATEST_SECONDS, Admission, RequestCost
from app.engine.batching.cost_model import Cost
from app.engine.batching.entry import Entry
from app.errors import Overloaded
from tests.support.fakes import FakeServable, encoding
from tests.support.simulation import Simulation, make

LIMIT = 5.0
# One text a batch, a second each.
SECOND = Cost(overhead_seconds=0.0, seconds_per_token=0.1, budget_tokens=10)


def told(admission: Admission, wait: float, cost: float, now: float = 0.0) -> float:
    with pytest.raises(Overloaded, match=r"retry in \d+ s") as refused:
        admission.check(wait, 1e9, cost, now)
    return refused.value.retry_after_seconds


@pytest.mark.parametrize(
    ("wait", "cost", "seconds"),
    [(8.0, 0.0, 3.0), (8.0, 2.0, 5.0), (8.0, 100.0, 8.0), (5.1, 0.0, 1.0)],
)
def test_the_time_is_that_at_which_the_wait_with_this_request_is_in_the_limit(
    wait: float, cost: float, seconds: float
) -> None:
    assert told(Admission(LIMIT), wait, cost) == pytest.approx(seconds)


def test_a_deadline_shorter_than_the_limit_is_the_limit() -> None:
    with pytest.raises(Overloaded) as refused:
        Admission(LIMIT).check(4.0, 1.5, 0.0, 0.0)
    assert refused.value.retry_after_seconds == pytest.approx(2.5)


def test_those_refused_together_are_told_to_come_back_one_after_another() -> None:
    admission = Admission(LIMIT)
    assert [told(admission, 6.0, 2.0) for _ in range(3)] == pytest.approx([3.0, 5.0, 7.0])
    assert told(admission, 6.0, 2.0, now=100.0) == pytest.approx(3.0), "promises pass with time"


def test_a_client_that_heeds_nothing_pushes_the_others_no_further_than_a_minute() -> None:
    admission = Admission(LIMIT)
    assert max(told(admission, 6.0, 2.0) for _ in range(1000)) == LATEST_SECONDS
    assert told(admission, 500.0, 2.0) == pytest.approx(497.0), "a wait that long is true"


def test_doors_of_several_processes_promise_a_share_of_the_room_each() -> None:
    doors = [Admission(LIMIT, doors=2) for _ in range(2)]
    times = [told(door, 6.0, 1.0) for _ in range(4) for door in doors]
    assert max(times) == pytest.approx(6.0 - LIMIT + 4 * 2)


def test_the_cost_of_a_body_is_learned_from_those_that_were_answered() -> None:
    cost = RequestCost()
    assert cost.seconds(1000) == 0.0
    for _ in range(200):
        cost.learn(100, 0.5)
        cost.learn(900, 4.5)
    assert cost.seconds(1000) == pytest.approx(5.0)


@dataclass
class PoliteClient:
    """Sends requests of so many texts, and comes back when it is told to."""

    simulation: Simulation
    servable: FakeServable
    texts: int
    until: float
    answers: int = 0
    refusals: int = 0

    def send(self, at: float) -> None:
        if at > self.until:
            return
        left = self.texts

        def ended(entry: Entry) -> None:
            nonlocal left
            left -= 1
            if left:
                return
            now = self.simulation.clock.now
            if isinstance(entry.outcome, Overloaded):
                self.refusals += 1
                self.send(now + math.ceil(entry.outcome.retry_after_seconds))
            else:
                self.answers += 1
                self.send(now)

        entries = [Entry(self.servable, encoding(10), 1e9, ended) for _ in range(self.texts)]
        self.simulation.arrive(at, entries)


def simulate(clients: int, texts: int, executors: int) -> list[PoliteClient]:
    scheduler, clock = make(executors, LIMIT)
    simulation, servable = Simulation(scheduler, clock, executors), FakeServable(SECOND)
    crowd = [PoliteClient(simulation, servable, texts, clock.now + 300) for _ in range(clients)]
    for number, client in enumerate(crowd):
        client.send(clock.now + number / 1000)
    simulation.run()
    return crowd


@pytest.mark.parametrize(
    ("clients", "texts", "executors"), [(40, 1, 1), (40, 2, 1), (40, 2, 2), (60, 8, 4), (10, 20, 1)]
)
def test_of_a_crowd_that_heeds_the_times_few_are_refused_and_the_device_is_never_idle(
    clients: int, texts: int, executors: int
) -> None:
    crowd = simulate(clients, texts, executors)
    answers, refusals = sum(c.answers for c in crowd), sum(c.refusals for c in crowd)
    assert answers * texts >= 0.95 * 300 * executors
    assert refusals <= 3 * answers + clients


def test_a_refused_request_that_comes_back_alone_when_it_was_told_is_admitted() -> None:
    scheduler, clock = make(1, LIMIT)
    simulation, servable = Simulation(scheduler, clock, 1), FakeServable(SECOND)
    start, outcomes = clock.now, list[object]()

    def keep(entry: Entry) -> None:
        outcomes.append(entry.outcome)

    def request(texts: int, on_end: Callable[[Entry], None]) -> list[Entry]:
        return [Entry(servable, encoding(10), 1e9, on_end) for _ in range(texts)]

    simulation.arrive(start, request(9, lambda _: None))
    simulation.arrive(start + 0.5, request(1, keep))
    simulation.run()
    (refusal,) = outcomes
    assert isinstance(refusal, Overloaded)
    scheduler, clock = make(1, LIMIT)
    simulation = Simulation(scheduler, clock, 1)
    simulation.arrive(start, request(9, lambda _: None))
    simulation.arrive(start + 0.5 + refusal.retry_after_seconds, request(1, keep))
    simulation.run()
    assert not isinstance(outcomes[1], Overloaded)
