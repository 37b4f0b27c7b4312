"""Each number of workers is a contender of its own, and refusals are summed up by medians."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks.measures import workers
from benchmarks.measures.workers import render_refusals, with_workers
from benchmarks.plan import rotate
from benchmarks.subjects.served_model import ServedModel


def test_the_number_of_workers_is_in_the_name_and_in_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CLASSMARK_WORKERS", "7")
    served = ServedModel("a", Path("store/a/1"), "int8")
    found = {}
    for count in (1, 2):
        one = with_workers(count)
        found[one.name] = one.environment(served, [1, 2, 3])["CLASSMARK_WORKERS"]
    assert found == {"Classmark, 1 worker": "1", "Classmark, 2 workers": "2"}


def test_each_round_starts_with_another_contender() -> None:
    assert ["".join(rotate("abc", number)) for number in range(4)] == ["abc", "bca", "cab", "abc"]
    assert rotate((), 5) == ()


def test_refusals_are_medians_of_the_rounds_that_have_any() -> None:
    def row(share: float, p99: float | None) -> dict[str, Any]:
        return {"refused_share": share, "refusal_p50": p99, "refusal_p99": p99, "p50": 0.04,
                "p99": 0.1}  # fmt: skip

    text = render_refusals(
        {"one": [row(0.3, 0.002), row(0.0, None), row(0.4, 0.004)], "none": [row(0.0, None)]}
    )
    assert f"Refusals at {workers.OVERLOAD:.0%} of capacity" in text
    assert "| one | 30% | 3.0 | 3.0 | 40.0 | 100.0 |" in text
    assert "| none | 0% |  |  | 40.0 | 100.0 |" in text
