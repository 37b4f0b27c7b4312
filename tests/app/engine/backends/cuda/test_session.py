"""A session on a GPU that is none: answers, threads, errors and memory."""

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

import pytest

from app.engine.backends.cuda import session as session_module
from app.engine.backends.cuda.device import EAGER
from app.engine.backends.cuda.owner import OwnerDied
from app.engine.backends.cuda.session import BUFFERS, open_session, split
from app.engine.backends.packing import measure, pack
from app.engine.text.encoding import Logits
from tests.support.cuda import (
    BUCKETS,
    INPUTS,
    FakeDevice,
    assert_same,
    name_text,
    name_tokens,
    open_on,
    texts,
)
from tests.support.fakes import DEADLY, POISON, encoding


@pytest.mark.parametrize("answer", [name_text, name_tokens])
@pytest.mark.parametrize("eager", [False, True])
def test_answers_are_each_texts_own_whatever_shares_the_batch_and_whatever_the_bucket(
    answer: object, eager: bool
) -> None:
    answer = name_tokens if answer is name_tokens else name_text
    broken = FakeDevice(answer, breaks_at=1)
    device = FakeDevice(answer)
    session = open_on(broken, device) if eager else open_on(device)
    loading = len(device.runs)
    batches = [texts(count, longest, count) for count in (1, 2, 7, 30) for longest in (4, 20, 64)]
    for batch in batches:
        assert_same(session.run(batch), answer(batch))
    graphs = {graph for _, graph in device.runs[loading:]}
    assert (graphs == {EAGER}) if eager else (len(graphs) > 5)


def test_batches_go_to_the_bucket_that_was_captured_for_their_size() -> None:
    session = open_on(device := FakeDevice())
    session.run(batch := texts(3))
    extent, graph = device.runs[-1]
    assert extent == BUCKETS.choose(measure(batch)) == BUCKETS.extents[graph - 1]
    assert session.execution == ("captured", None)


def test_a_batch_that_no_bucket_is_worth_runs_eagerly_in_its_own_size() -> None:
    session = open_on(device := FakeDevice())
    tiny = [encoding(1, number) for number in range(1, 31)]
    session._buckets = replace(BUCKETS, ladders=())
    assert_same(session.run(tiny), name_text(tiny))
    assert device.runs[-1] == (measure(tiny), EAGER)


def test_a_batch_beyond_the_largest_run_is_split_in_order() -> None:
    session = open_on(device := FakeDevice())
    before, batch = len(device.runs), texts(400)
    assert_same(session.run(batch), name_text(batch))
    assert len(device.runs) - before > 10
    assert all(BUCKETS.limits.hold(extent) for extent, _ in device.runs)


@pytest.mark.parametrize("longest", [1, 5, 64])
def test_parts_are_as_few_as_the_limits_allow(longest: int) -> None:
    batch = texts(300, longest)
    parts = split(batch, BUCKETS.limits)
    assert [one for part in parts for one in part] == batch
    for part, following in zip(parts, parts[1:], strict=False):
        assert BUCKETS.limits.hold(measure(part))
        assert not BUCKETS.limits.hold(measure([*part, following[0]]))


def test_a_batch_is_prepared_while_another_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    session = open_on(device := FakeDevice())
    prepared = threading.Semaphore(0)

    def noted(*arguments: object) -> object:
        arrays = pack(*arguments)  # type: ignore[arg-type]
        prepared.release()
        return arrays

    monkeypatch.setattr(session_module, "pack", noted)
    device.gate, device.entered = threading.Event(), threading.Semaphore(0)
    first, second = texts(3, seed=1), texts(3, seed=2)
    with ThreadPoolExecutor(2) as pool:
        running = pool.submit(session.run, first)
        assert prepared.acquire(timeout=30)
        assert device.entered.acquire(timeout=30)
        waiting = pool.submit(session.run, second)
        assert prepared.acquire(timeout=30), "the second is laid out while the first still runs"
        assert not device.gate.is_set()
        assert not running.done()
        device.gate.set()
        assert_same(running.result(30), name_text(first))
        assert_same(waiting.result(30), name_text(second))


def test_one_thread_alone_touches_the_device_and_few_buffers_serve_many_callers() -> None:
    session = open_on(device := FakeDevice())
    batches = [texts(4, seed=seed) for seed in range(64)]
    with ThreadPoolExecutor(8) as pool:
        for batch, rows in zip(batches, pool.map(session.run, batches), strict=True):
            assert_same(rows, name_text(batch))
    assert len(device.threads) == 1
    assert threading.get_ident() not in device.threads
    assert device.buffers == BUFFERS + 1, "one more to capture with"


def test_an_error_stays_with_its_batch_and_its_buffer_comes_back() -> None:
    session = open_on(device := FakeDevice())
    good = texts(2)
    for _ in range(2 * BUFFERS):
        with pytest.raises(ValueError, match="poison"):
            session.run([*good, encoding(3, POISON)])
        assert_same(session.run(good), name_text(good))
    assert len(device.threads) == 1


def test_an_error_reaches_its_own_caller_while_others_wait_in_the_queue() -> None:
    session = open_on(device := FakeDevice())
    device.gate, device.entered = threading.Event(), threading.Semaphore(0)
    good = texts(2)
    with ThreadPoolExecutor(3) as pool:
        poisoned: Future[list[Logits]] = pool.submit(session.run, [encoding(3, POISON)])
        others = [pool.submit(session.run, good) for _ in range(2)]
        assert device.entered.acquire(timeout=30)
        device.gate.set()
        with pytest.raises(ValueError, match="poison"):
            poisoned.result(30)
        for other in others:
            assert_same(other.result(30), name_text(good))


def test_where_the_devices_thread_dies_its_run_says_so_and_the_next_ones_are_served_eagerly(
    caplog: pytest.LogCaptureFixture,
) -> None:
    session = open_on(device := FakeDevice())
    for _ in range(3):
        with pytest.raises(OwnerDied, match="SystemExit.* a new one .* everything eagerly"):
            session.run([encoding(3, DEADLY)])
    good, others = texts(2), texts(5)
    assert_same(session.run(good), name_text(good))
    assert_same(session.run(others), name_text(others))
    assert device.forgot, "graphs belong to the thread that captured them"
    assert len(device.threads) == 1
    assert sum("device thread died" in line.message for line in caplog.records) == 3
    del session
    assert device.closed.wait(30), "the last of the threads frees the device"


def test_callers_that_wait_when_the_devices_thread_dies_are_served_by_the_next() -> None:
    session = open_on(device := FakeDevice())
    device.gate, device.entered = threading.Event(), threading.Semaphore(0)
    good = texts(2)
    with ThreadPoolExecutor(3) as pool:
        deadly = pool.submit(session.run, [encoding(3, DEADLY)])
        assert device.entered.acquire(timeout=30)
        others = [pool.submit(session.run, good) for _ in range(2)]
        device.gate.set()
        with pytest.raises(OwnerDied):
            deadly.result(30)
        for other in others:
            assert_same(other.result(30), name_text(good))


def test_a_device_that_cannot_be_made_says_why_and_leaves_no_thread() -> None:
    def make(captures: bool) -> FakeDevice:
        raise ValueError("no such GPU")

    before = set(threading.enumerate())
    with pytest.raises(ValueError, match="no such GPU"):
        open_session(make, BUCKETS, INPUTS)
    for thread in set(threading.enumerate()) - before:
        thread.join(30)
        assert not thread.is_alive()


def test_the_last_reference_frees_the_device_on_its_own_thread_which_then_ends() -> None:
    before = set(threading.enumerate())
    session = open_on(device := FakeDevice())
    (thread,) = set(threading.enumerate()) - before
    session.run(texts(3))
    del session
    assert device.closed.wait(30), "without the garbage collector: nothing points in a circle"
    thread.join(30)
    assert not thread.is_alive()
    assert device.threads == {thread.ident}


def test_an_answer_that_is_kept_does_not_keep_the_device() -> None:
    session = open_on(device := FakeDevice())
    rows = session.run(batch := texts(3))
    with pytest.raises(ValueError, match="poison") as error:
        session.run([encoding(3, POISON)])
    del session
    error.value.with_traceback(None)
    del error
    assert device.closed.wait(30)
    assert_same(rows, name_text(batch))


def test_graphs_without_token_types_get_none() -> None:
    inputs = tuple(name for name in INPUTS if name != "token_type_ids")
    batch = [encoding(length, 7) for length in (3, 9, 30)]
    assert_same(open_on(FakeDevice(), inputs=inputs).run(batch), name_text(batch))
