"""The limit is one strategy's, not the luckiest of several, and every contender has its own."""

from pathlib import Path

import pytest

from benchmarks.measures import limit
from benchmarks.measures.capacity import Capacity
from benchmarks.measures.limit import Limit, find_limit
from benchmarks.subjects.served_model import ServedModel

SERVED = ServedModel("a", Path(), "int8")


def test_the_batch_size_is_the_one_that_is_fastest_in_the_median(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ServedModel, "batch_invariant", True)
    luck = iter([{1: 300.0, 4: 200.0}, {1: 100.0, 4: 220.0}, {1: 90.0, 4: 210.0}])
    monkeypatch.setattr(limit, "BATCH_SIZES", (1, 4))
    monkeypatch.setattr(limit, "_run", lambda *_: next(luck))
    found = find_limit(SERVED, "int8", Path(), 1.0)
    assert (found.batch_size, found.by_batch_size) == (4, {1: 100.0, 4: 210.0})


def test_texts_share_no_batch_where_answers_would_depend_on_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ServedModel, "batch_invariant", False)
    monkeypatch.setattr(limit, "_run", lambda *given: dict.fromkeys(given[-1], 1.0))
    found = find_limit(SERVED, "int8", Path(), 1.0)
    assert found.by_batch_size == {1: 1.0}


def test_a_contender_is_held_to_the_limit_just_before_and_just_after(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    speeds = iter([100.0, 200.0, 50.0])
    monkeypatch.setattr(Limit, "measure", lambda _: next(speeds))
    one = Limit(SERVED, "int8", Path(), 1.0, 4, {4: 100.0})
    found = Capacity(limit=one, fp32=one)
    assert [found.measure_limit() for _ in range(3)] == [100.0, 150.0, 125.0]
