"""A session on a GPU that is none: answers, threads, errors and memory."""

import logging
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from app.engine.backends.cuda import session as session_module
from app.engine.backends.cuda.device import EAGER
from app.engine.backends.cuda.layout import Layout, Words
from app.engine.backends.cuda.owner import OwnerDied
from app.engine.backends.cuda.session import BUFFERS, CudaSession, open_session, split
from app.engine.backends.packing import Extent, measure, pack
from app.engine.text.encoding import Encoding, Logits, without_layout
from app.errors import BundleError
from tests.support.cuda import BUCKETS, INPUTS, FakeDevice, name_text, name_tokens
from tests.support.fakes import DEADLY, POISON, encoding


def texts(count: int, longest: int = 40, seed: int = 0) -> list[Encoding]:
    """Texts that differ in ids, types and lengths."""
    random = np.random.default_rng(seed)
    lengths = random.integers(1, longest + 1, count)
    return [
        without_layout(random.integers(1, 500, length), random.integers(0, 2, length))
        for length in lengths
    ]


def open_on(*devices: FakeDevice, inputs: Sequence[str] = INPUTS) -> CudaSession:
    """Return a session on the first device; the others take its place where it fails."""
    left = list(devices)

    def make(captures: bool) -> FakeDevice:
        device = left.pop(0)
        device.captures = captures
        device.threads = {threading.get_ident()}
        return device

    return open_session(make, BUCKETS, inputs)


def assert_same(rows: Sequence[Logits], wanted: Sequence[Logits]) -> None:
    assert len(rows) == len(wanted)
    assert all(np.array_equal(one, other) for one, other in zip(rows, wanted, strict=True))


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


@pytest.mark.parametrize("breaks_at", [1, 9])
def test_where_capture_fails_everything_runs_eagerly_on_a_fresh_device_and_says_why(
    breaks_at: int, caplog: pytest.LogCaptureFixture
) -> None:
    broken, fresh = FakeDevice(breaks_at=breaks_at), FakeDevice()
    session = open_on(broken, fresh)
    assert broken.closed.is_set(), "its memory is free before the next one takes its own"
    assert not fresh.captures
    assert session.execution.kind == "packed"
    reason = session.execution.reason or ""
    extent = BUCKETS.extents[breaks_at - 1]
    assert f"{extent} cannot be captured: operation not permitted" in reason
    assert "stack" not in reason
    assert any("CUDA graphs not used" in record.message for record in caplog.records)
    assert_same(session.run(batch := texts(3)), name_text(batch))


def test_a_graph_that_does_not_load_for_capture_runs_eagerly_and_one_that_never_loads_is_refused(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def make(captures: bool) -> FakeDevice:
        if captures:
            raise BundleError("cannot use the graph capture feature")
        return FakeDevice(captures=False)

    session = open_session(make, BUCKETS, INPUTS)
    assert "cannot use the graph capture feature" in (session.execution.reason or "")
    caplog.clear()

    def fail(captures: bool) -> FakeDevice:
        raise BundleError("no graph")

    with pytest.raises(BundleError, match="no graph"):
        open_session(fail, BUCKETS, INPUTS)
    assert not caplog.records, "it runs in no way, so nothing is said of one"


def test_a_graph_that_a_later_capture_broke_is_not_used() -> None:
    class Overwritten(FakeDevice):
        """Replays of the first size answer with what was captured, once all are captured."""

        def run(self, words: Words, layout: Layout, graph: int) -> Logits:
            self._stale = graph == 1 and len(self._captured) == len(BUCKETS.extents)
            return super().run(words, layout, graph)

    session = open_on(Overwritten(), FakeDevice())
    assert f"captured, {BUCKETS.extents[0]} answers otherwise" in (session.execution.reason or "")


def test_graphs_that_answer_with_what_was_captured_are_not_used() -> None:
    session = open_on(FakeDevice(stale=True), fresh := FakeDevice())
    assert session.execution.kind == "packed"
    assert "logits differ by" in (session.execution.reason or "")
    assert "tolerance is 0.02" in (session.execution.reason or "")
    assert_same(session.run(batch := texts(3)), name_text(batch))
    assert fresh.runs[-1][1] == EAGER


def test_graphs_whose_answers_are_no_numbers_are_not_used() -> None:
    def nothing(encodings: Sequence[Encoding]) -> list[Logits]:
        return [np.full(2, np.nan, np.float32) for _ in encodings]

    session = open_on(FakeDevice(nothing), FakeDevice(nothing))
    assert "logits differ by nan" in (session.execution.reason or "")


def test_capturing_says_how_far_it_is(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    open_on(FakeDevice())
    lines = [vars(one) for one in caplog.records if one.message == "capturing CUDA graphs"]
    assert (lines[-1]["captured"], lines[-1]["of"]) == (len(BUCKETS.extents),) * 2


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


def test_extents_of_the_check_batches_fill_what_they_check() -> None:
    open_on(device := FakeDevice())
    assert {extent for extent, _ in device.runs} == set(BUCKETS.extents)
    assert all(isinstance(extent, Extent) for extent, _ in device.runs)
