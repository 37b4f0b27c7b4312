"""The load of a server is what its counters say since the last reading."""

import pytest
from classmark_ray.load import LoadMeter


def exposition(busy: float, wait: float) -> str:
    return (
        "# HELP classmark_executor_busy_seconds_total Time.\n"
        f"classmark_executor_busy_seconds_total {busy}\n"
        f"classmark_queue_expected_wait_seconds {wait}\n"
    )


def test_the_busy_share_is_that_of_all_executors_since_the_last_reading() -> None:
    times = iter([10.0, 20.0, 22.0])
    meter = LoadMeter(executors=4, clock=lambda: next(times))
    assert meter.read(exposition(100.0, 0.0)) == {"busy_share": 0.0, "expected_wait": 0.0}
    assert meter.read(exposition(120.0, 0.3)) == {"busy_share": 0.5, "expected_wait": 0.3}
    assert meter.read(exposition(128.0, 0.3))["busy_share"] == 1.0


def test_a_counter_that_begins_anew_is_no_negative_load() -> None:
    times = iter([0.0, 5.0])
    meter = LoadMeter(executors=1, clock=lambda: next(times))
    meter.read(exposition(90.0, 0.0))
    assert meter.read(exposition(1.0, 0.0))["busy_share"] == 0.0


def test_a_server_without_the_metric_is_told_from_an_idle_one() -> None:
    with pytest.raises(KeyError, match="older than this deployment"):
        LoadMeter(executors=1).read("classmark_ready 1\n")
