"""A flood of requests leaves the event loop to others, and is refused where it would wait."""

import asyncio
import time

import pytest

from app.api.connection.turns import TURN_SECONDS, Turns
from app.errors import ClassmarkError, DeadlineExceeded, Overloaded

pytestmark = pytest.mark.anyio


class Request:
    """Takes the loop for some seconds."""

    def __init__(self, order: list["Request"], seconds: float, remaining: float = 1e9) -> None:
        self._order = order
        self._seconds = seconds
        self.remaining_seconds = remaining
        self.error: ClassmarkError | None = None

    def answer(self) -> None:
        ends = time.perf_counter() + self._seconds
        while time.perf_counter() < ends:
            pass
        self._order.append(self)

    def fail(self, error: ClassmarkError) -> None:
        self.error = error


async def test_a_request_that_comes_alone_is_answered_at_once() -> None:
    order: list[Request] = []
    Turns(5.0).take(Request(order, 0.0))
    assert len(order) == 1


async def test_others_get_the_loop_between_the_turns_of_a_flood() -> None:
    order: list[Request] = []
    turns = Turns(5.0)
    requests = [Request(order, TURN_SECONDS) for _ in range(6)]
    for one in requests:
        turns.take(one)
    seen: list[int] = []
    while len(order) < 6:
        seen.append(len(order))
        await asyncio.sleep(0)
    assert order == requests
    assert len(seen) >= 5, "the loop was ours after each turn"


async def test_what_would_wait_too_long_for_its_turn_is_refused() -> None:
    order: list[Request] = []
    turns = Turns(0.1)
    turns._cost_seconds = 0.06
    first, *others = [Request(order, TURN_SECONDS) for _ in range(4)]
    for one in (first, *others):
        turns.take(one)
    assert [isinstance(one.error, Overloaded) for one in others] == [False, False, True]
    late = Request(order, 0.0, remaining=-1.0)
    turns.take(late)
    assert isinstance(late.error, DeadlineExceeded)


async def test_those_refused_their_turn_are_told_to_come_back_one_after_another() -> None:
    turns = Turns(0.1)
    turns._cost_seconds = 2.0
    requests = [Request([], TURN_SECONDS) for _ in range(4)]
    for one in requests:
        turns.take(one)
    times = [one.error.retry_after_seconds for one in requests if isinstance(one.error, Overloaded)]
    assert times == pytest.approx([2.0, 4.0], rel=0.05)
