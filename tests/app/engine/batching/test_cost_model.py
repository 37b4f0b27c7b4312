import pytest

from app.engine.batching.cost_model import MIN_ROUNDS, SERVING_SECONDS, Cost, measure_cost


def test_the_fit_recovers_overhead_and_rate() -> None:
    shapes = [(1, 8), (1, 32), (4, 32), (8, 64)]
    cost = measure_cost(lambda count, tokens: 0.002 + 0.0001 * count * tokens, shapes)
    assert cost.overhead_seconds == pytest.approx(0.002 + SERVING_SECONDS, rel=1e-6)
    assert cost.seconds_per_token == pytest.approx(0.0001, rel=1e-6)
    assert cost.overhead_tokens == pytest.approx(20 + SERVING_SECONDS * 1e4, rel=1e-6)


def test_the_budget_is_the_smallest_batch_near_the_best_throughput() -> None:
    # 512 padded tokens run at 98 % of the best rate, 128 at 90 %: 512 is enough.
    shapes = [(1, 128), (4, 128), (16, 128)]
    cost = measure_cost(lambda count, tokens: 0.001 + 0.0001 * count * tokens, shapes)
    assert cost.budget_tokens == 512


def test_batches_grow_where_handing_one_over_costs_a_part_of_its_run() -> None:
    # Of the runs' own rate the small batch has all, so where runs are long nothing is gained.
    def budget(seconds_per_token: float) -> int:
        shapes = [(1, 128), (2, 128)]
        return measure_cost(lambda c, t: seconds_per_token * c * t, shapes).budget_tokens

    handing_over_is_a_tenth = SERVING_SECONDS / 128 * 9
    assert budget(handing_over_is_a_tenth) == 256
    assert budget(handing_over_is_a_tenth * 10) == 128


def test_noise_that_slows_one_round_is_ignored() -> None:
    slow = iter([9.0, 0.0] * 100)
    cost = measure_cost(lambda c, t: 0.001 + 0.001 * c * t + next(slow), [(1, 8), (2, 8), (4, 8)])
    assert cost.seconds_per_token == pytest.approx(0.001, rel=1e-6)


def test_a_model_on_a_quiet_machine_is_not_timed_longer_than_its_times_take_to_settle() -> None:
    runs: list[tuple[int, int]] = []

    def run(count: int, tokens: int) -> float:
        runs.append((count, tokens))
        return 0.001 + 0.0001 * count * tokens

    measure_cost(run, [(1, 8), (4, 8)])
    assert len(runs) == 2 * MIN_ROUNDS


def test_times_that_still_fall_are_taken_again() -> None:
    noise = iter([0.4, 0.4, 0.2, 0.2, 0.0, 0.0] + [0.0] * 6)
    cost = measure_cost(lambda c, t: 0.001 + 0.001 * c * t + next(noise), [(1, 8), (4, 8)])
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
