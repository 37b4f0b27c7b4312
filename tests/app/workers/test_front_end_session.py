"""The engine's session of a front end: what is queued for one that goes, goes too."""

import asyncio
import contextlib
import tempfile
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, cast

import pytest

from app.core import EngineCore
from app.engine.admission import Admission
from app.engine.batching.cost_model import Cost
from app.engine.local import LocalEngine, LocalRun
from app.engine.models.registry import LocalRegistry
from app.errors import DeadlineExceeded, InferenceFailed, InvalidRequest, NotReady, Overloaded
from app.telemetry.metrics import Metrics
from app.workers.engine.front_end_session import FrontEndSession
from app.workers.engine.publisher import Follower, Published, Publisher, State
from app.workers.front_end.engine_client import EngineClient, PendingCall
from app.workers.front_end.remote_engine import RemoteEngine
from app.workers.front_end.remote_registry import RemoteRegistry
from app.workers.transport.frames import Kind
from app.workers.transport.submissions import pack_submission
from tests.support.fakes import POISON, FakeServable, encoding
from tests.support.runs import until_running

pytestmark = pytest.mark.anyio
NUMBER = 7


class WatchedEngine(LocalEngine):
    """Notes what is submitted and what is abandoned, once it is."""

    def __init__(self, max_queue_seconds: float) -> None:
        super().__init__(1, max_queue_seconds, Metrics())
        self.seen: asyncio.Queue[str] = asyncio.Queue()

    def submit(self, *arguments: Any) -> LocalRun:
        submission = super().submit(*arguments)
        self.seen.put_nowait("submit")
        close = submission.close

        def watched_close() -> None:
            close()
            self.seen.put_nowait("close")

        submission.close = watched_close  # type: ignore[method-assign]
        return submission

    async def until(self, expected: str) -> None:
        assert await asyncio.wait_for(self.seen.get(), 10) == expected


class FakePublisher(Publisher):
    """Tells of one servable that is none."""

    def __init__(self, engine: EngineCore, fake: FakeServable) -> None:
        super().__init__(engine.registry, lambda: True, engine.engine.unready_reason)
        self._fake = fake

    def add(self, follower: Follower) -> None:
        super().add(follower)
        follower.tell(State(1, {}, cast(Any, (self._fake,))))

    def packed(self, servable: object) -> Published:
        return Published(NUMBER, b"")


@dataclass
class Side:
    """An engine with one connected front end."""

    engine: WatchedEngine
    publisher: Publisher
    client: EngineClient
    clock: Any

    async def run(
        self, *first_ids: int, seconds: float = 30.0, servable: int = NUMBER, tokens: int = 3
    ) -> Any:
        deadline = self.clock() + seconds
        encodings = [encoding(tokens, first_id) for first_id in first_ids or (1,)]
        payload = pack_submission(servable, deadline, encodings)
        call = self.client.call(Kind.SUBMIT, payload)
        try:
            return await asyncio.wait_for(call.answer, 10)
        finally:
            call.end()

    def submit_together(self, *servables: int, seconds: float = 30.0) -> list[PendingCall]:
        deadline = self.clock() + seconds
        packed = [pack_submission(number, deadline, [encoding(3)] * 2) for number in servables]
        return self.client.submit_together(packed)


@contextlib.asynccontextmanager
async def connected(fake: FakeServable, max_queue_seconds: float = 5.0) -> AsyncIterator[Side]:
    engine = WatchedEngine(max_queue_seconds)
    local = EngineCore(engine, cast(LocalRegistry, None))
    publisher = FakePublisher(local, fake)
    connection = FrontEndSession(local, publisher)
    engine.start()
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "s")
        loop = asyncio.get_running_loop()
        server = await loop.create_unix_server(lambda: connection.channel, path)
        client = EngineClient(path)
        link = await client.connect()
        kinds = [(await asyncio.wait_for(link.news.get(), 10)).kind for _ in range(2)]  # type: ignore[union-attr]
        assert kinds == [Kind.SERVABLE, Kind.STATE]
        yield Side(engine, publisher, client, engine.clock)
        client.close()
        server.close()
        await publisher.wait_for_no_front_ends(10)
        assert not publisher.followers
        await engine.stop()


class Busy(NamedTuple):
    """An engine whose executor runs `first`, of `servable`, until the gate opens."""

    side: Side
    first: "asyncio.Future[Any]"
    servable: FakeServable
    gate: threading.Event


@contextlib.asynccontextmanager
async def busy(cost: Cost | None = None, max_queue_seconds: float = 5.0) -> AsyncIterator[Busy]:
    gate = threading.Event()
    servable = FakeServable(cost, gate=gate)
    async with connected(servable, max_queue_seconds) as side:
        first = asyncio.ensure_future(side.run(seconds=1e6))
        await side.engine.until("submit")
        await until_running(servable)
        yield Busy(side, first, servable, gate)


async def test_a_run_comes_back_with_its_logits_and_times() -> None:
    async with connected(FakeServable()) as side:
        run = await side.run(5)
    assert [one.tolist() for one in run.logits] == [[5.0, 3.0]]
    assert run.queue_seconds >= 0
    assert run.run_seconds >= 0


async def test_errors_of_the_engine_keep_their_kind() -> None:
    async with connected(FakeServable()) as side:
        with pytest.raises(NotReady, match="again"):
            await side.run(servable=NUMBER + 1)
        assert (await side.run()).logits


async def test_a_failure_crosses_beside_the_logits_of_its_neighbours() -> None:
    async with connected(FakeServable()) as side:
        run = await side.run(5, POISON, 7)
    assert [one.tolist() for one in run.logits] == [[5.0, 3.0], [], [7.0, 3.0]]
    assert list(run.failures) == [1]
    assert isinstance(run.failures[1], InferenceFailed)
    assert "ValueError" in str(run.failures[1])


async def test_an_empty_encoding_fails_alone_and_the_connection_stays() -> None:
    async with connected(FakeServable()) as side:
        with pytest.raises(InvalidRequest, match="no token"):
            await side.run(tokens=0)
        assert (await side.run()).logits


async def test_a_front_end_learns_with_each_answer_how_long_the_next_request_waits() -> None:
    async with busy(Cost(1000.0, 1.0, 256), max_queue_seconds=500.0) as (side, first, _, gate):
        remote = RemoteEngine(side.client, cast(RemoteRegistry, None), Admission(500.0))
        remote.check_admission(
            remote.clock() + 1e6, 0.0
        )  # nothing is known yet, so the engine decides
        with pytest.raises(Overloaded):
            await side.run(seconds=1e6)
        assert side.client.expected_wait_seconds > 500.0
        with pytest.raises(Overloaded):  # now without a hop
            remote.check_admission(remote.clock() + 1e6, 0.0)
        gate.set()
        await first
        assert side.client.expected_wait_seconds == 0.0
        remote.check_admission(remote.clock() + 1e6, 0.0)


async def test_what_waits_for_a_front_end_that_goes_leaves_the_queue() -> None:
    async with busy() as (side, first, fake, gate):
        others = [asyncio.ensure_future(side.run()) for _ in range(5)]
        for _ in others:
            await side.engine.until("submit")
        assert side.engine.scheduler.queued == 5
        side.client.close()
        await side.publisher.wait_for_no_front_ends(10)
        assert not side.publisher.followers
        assert side.engine.scheduler.queued == 0
        gate.set()
        ended = await asyncio.gather(first, *others, return_exceptions=True)
    assert {type(one) for one in ended} == {NotReady}
    assert len(fake.batches) == 1


async def test_a_request_nobody_waits_for_leaves_the_queue() -> None:
    async with busy() as (side, first, fake, gate):
        left = asyncio.ensure_future(side.run())
        await side.engine.until("submit")
        left.cancel()
        await side.engine.until("close")
        assert side.engine.scheduler.queued == 0
        gate.set()
        assert (await first).logits
    assert len(fake.batches) == 1


async def test_an_overloaded_engine_refuses_with_the_time_to_come_back() -> None:
    an_hour = Cost(overhead_seconds=3600, seconds_per_token=0.001, budget_tokens=256)
    async with busy(an_hour, max_queue_seconds=0.001) as (side, first, _, gate):
        with pytest.raises(Overloaded) as refused:
            await side.run()
        assert refused.value.retry_after_seconds > 3000
        gate.set()
        assert (await first).logits


async def answers_of(calls: list[PendingCall]) -> list[Any]:
    futures = [asyncio.wait_for(call.answer, 10) for call in calls]
    outcomes = await asyncio.gather(*futures, return_exceptions=True)
    for call in calls:
        call.end()
    return outcomes


async def test_what_is_submitted_together_is_answered_one_by_one() -> None:
    async with connected(FakeServable()) as side:
        outcomes = await answers_of(side.submit_together(NUMBER, NUMBER))
    assert [len(one.logits) for one in outcomes] == [2, 2]


async def test_what_is_submitted_together_is_refused_together() -> None:
    async with connected(FakeServable()) as side:
        unknown = await answers_of(side.submit_together(NUMBER, NUMBER + 1))
        late = await answers_of(side.submit_together(NUMBER, NUMBER, seconds=-1.0))
        assert side.engine.scheduler.queued == 0
        assert (await side.run()).logits
    assert [type(one) for one in unknown] == [NotReady, NotReady]
    assert [type(one) for one in late] == [DeadlineExceeded, DeadlineExceeded]


async def test_what_was_submitted_together_leaves_the_queue_with_its_front_end() -> None:
    async with busy() as (side, first, fake, gate):
        kept, left = side.submit_together(NUMBER, NUMBER)
        second = asyncio.ensure_future(side.run())  # taken after them
        await side.engine.until("submit")
        assert side.engine.scheduler.queued == 5
        left.end()
        third = asyncio.ensure_future(side.run())
        await side.engine.until("submit")
        assert side.engine.scheduler.queued == 4
        side.client.close()
        await side.publisher.wait_for_no_front_ends(10)
        assert side.engine.scheduler.queued == 0
        gate.set()
        await asyncio.gather(first, second, third, return_exceptions=True)
        await answers_of([kept])
