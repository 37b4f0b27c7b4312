"""Percentiles, goodput and ratios are what their names say."""

import math

from benchmarks.load.arrivals import bursts, poisson
from benchmarks.report.statistics import goodput, median_ratio, percentile, spread


def test_a_percentile_is_a_value_that_was_measured() -> None:
    values = [float(n) for n in range(1, 101)]
    assert [percentile(values[::-1], share) for share in (0.5, 0.9, 0.99, 1.0)] == [50, 90, 99, 100]
    assert percentile([3.0], 0.01) == 3.0
    assert math.isnan(percentile([], 0.5))


def test_goodput_counts_only_what_came_in_time() -> None:
    assert goodput([0.05, 0.1, 0.11, 4.0], objective_seconds=0.1, seconds=2.0) == 1.0


def test_ratios_are_to_the_limit_of_the_same_round() -> None:
    assert median_ratio([90.0, 45.0, 10.0], [100.0, 50.0, 100.0]) == 0.9
    assert spread([0.3, 0.1, 0.2]) == (0.1, 0.3)


def test_arrivals_have_the_rate_asked_for_and_are_seeded() -> None:
    for arrivals in (poisson, bursts):
        times = arrivals(500.0, 20.0, 7)
        assert times == arrivals(500.0, 20.0, 7)
        assert times == sorted(times)
        assert 9_000 < len(times) < 11_000
        assert 0 < times[0] <= times[-1] < 20.0


def test_a_burst_is_due_at_once() -> None:
    times = bursts(100.0, 5.0, seed=1, size=4)
    assert all(len(set(times[at : at + 4])) == 1 for at in range(0, len(times), 4))
