import pytest

from app.engine.cost import Cost, measure_cost


def test_the_fit_recovers_overhead_and_rate() -> None:
    shapes = [(1, 8), (1, 32), (4, 32), (8, 64)]
    cost = measure_cost(lambda count, tokens: 0.002 + 0.0001 * count * tokens, shapes)
    assert cost.overhead_seconds == pytest.approx(0.002, rel=1e-6)
    assert cost.seconds_per_token == pytest.approx(0.0001, rel=1e-6)
    assert cost.overhead_tokens == pytest.approx(20, rel=1e-6)


def test_the_budget_is_the_smallest_batch_near_the_best_throughput() -> None:
    # 512 padded tokens run at 96 % of the best rate, 128 at 87 %: 512 is enough.
    shapes = [(1, 128), (4, 128), (16, 128)]
    cost = measure_cost(lambda count, tokens: 0.002 + 0.0001 * count * tokens, shapes)
    assert cost.budget_tokens == 512


def test_noise_that_slows_one_round_is_ignored() -> None:
    slow = iter([9.0, 0.0] * 100)
    cost = measure_cost(lambda c, t: 0.001 + 0.001 * c * t + next(slow), [(1, 8), (2, 8), (4, 8)])
    assert cost.seconds_per_token == pytest.approx(0.001, rel=1e-6)


def test_a_flat_measurement_still_gives_a_usable_cost() -> None:
    cost = measure_cost(lambda count, tokens: 0.01, [(1, 8), (4, 32)])
    assert cost.seconds_per_token > 0
    assert cost.overhead_tokens < float("inf")


def test_an_entry_is_admitted_within_budget_and_only_for_cheap_padding() -> None:
    cost = Cost(overhead_seconds=0.004, seconds_per_token=0.001, budget_tokens=100)
    assert cost.admits(longest=20, count=1, total=20, tokens=16)
    assert not cost.admits(longest=20, count=1, total=20, tokens=15), "5 tokens of padding, worth 4"
    assert not cost.admits(longest=20, count=5, total=100, tokens=20), "120 tokens, budget 100"
    assert cost.admits(longest=20, count=2, total=40, tokens=22), "the others are padded by 2 each"
    assert not cost.admits(longest=20, count=2, total=40, tokens=23)


def test_without_padding_any_length_is_admitted_within_the_budget() -> None:
    cost = Cost(overhead_seconds=0, seconds_per_token=0.001, budget_tokens=100, packed=True)
    assert cost.admits(longest=4, count=3, total=10, tokens=90)
    assert not cost.admits(longest=4, count=3, total=10, tokens=91)


def test_only_a_padded_batch_computes_its_longest_entry_for_each() -> None:
    assert Cost(0, 0.001, 100).padded_tokens([2, 5, 3]) == 15
    assert Cost(0, 0.001, 100, packed=True).padded_tokens([2, 5, 3]) == 10
    assert Cost(0, 0.001, 100).padded_tokens([]) == 0
