"""Each number of cores stands beside its own limit, and the load runs on what is left."""

import os
from contextlib import suppress

import pytest

from benchmarks.measures.cores import cores_table, on_cores


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one core cannot be left out")
def test_cores_are_taken_and_given_back_even_after_a_failure() -> None:
    before = os.sched_getaffinity(0)
    first = min(before)
    with suppress(RuntimeError), on_cores([first]):
        assert os.sched_getaffinity(0) == {first}
        raise RuntimeError
    assert os.sched_getaffinity(0) == before


def test_the_best_number_of_workers_is_marked() -> None:
    row = {"cores": 4, "texts_each": 1, "limit": 1000.0}
    rows = [row | {"workers": n, "texts_per_second": 700.0 + 100 * n} for n in (1, 2)]
    assert cores_table(rows)[-1] == "| 4 | 1 | 1,000 | 1: 0.80, **2: 0.90** |"
