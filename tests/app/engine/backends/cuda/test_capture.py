"""Capturing as a model loads: what is checked, and what happens where it fails."""

import logging
from collections.abc import Sequence

import numpy as np
import pytest

from app.engine.backends.cuda.capture import RUNS_TO_CAPTURE
from app.engine.backends.cuda.device import EAGER
from app.engine.backends.cuda.layout import Layout, Words
from app.engine.backends.cuda.session import open_session
from app.engine.backends.packing import Extent
from app.engine.text.encoding import Encoding, Logits
from app.errors import BundleError
from tests.support.cuda import (
    BUCKETS,
    INPUTS,
    FakeDevice,
    assert_same,
    name_text,
    open_on,
    texts,
)


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


RUNS_OF_A_SIZE = 1 + RUNS_TO_CAPTURE + 2


@pytest.mark.parametrize("run", [RUNS_OF_A_SIZE - 2, RUNS_OF_A_SIZE * len(BUCKETS.extents)])
def test_where_a_replay_fails_everything_runs_eagerly(run: int) -> None:
    class Failing(FakeDevice):
        """Fails in the comparison of the first size, or in the one after all."""

        def run(self, words: Words, layout: Layout, graph: int) -> Logits:
            if len(self.runs) == run:
                assert graph == 1
                raise RuntimeError("an illegal memory access was encountered")
            return super().run(words, layout, graph)

    session = open_on(Failing(), FakeDevice())
    assert session.execution.kind == "packed"
    assert "cannot be captured: an illegal memory" in (session.execution.reason or "")


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


def test_extents_of_the_check_batches_fill_what_they_check() -> None:
    open_on(device := FakeDevice())
    assert {extent for extent, _ in device.runs} == set(BUCKETS.extents)
    assert all(isinstance(extent, Extent) for extent, _ in device.runs)
