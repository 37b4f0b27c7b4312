"""The limit is one strategy's, not the luckiest measurement of several."""

from benchmarks.capacity import Capacity
from benchmarks.limit import Limit, best_size


def limit(one: float, four: float) -> Limit:
    return Limit({1: one, 4: four}, with_encoding=0.5 * four)


def test_the_batch_size_is_the_one_that_is_fastest_in_the_median() -> None:
    before, after = (
        [limit(300.0, 200.0), limit(100.0, 220.0)],
        [limit(90.0, 210.0), limit(95.0, 240.0)],
    )
    assert best_size([*before, *after]) == 4
    found = Capacity(before=before, after=after, fp32=[limit(50.0, 40.0), limit(40.0, 45.0)])
    assert found.limits == [205.0, 230.0]
    assert found.fp32_limits == [50.0, 40.0]
    assert found.with_encoding == 0.5
