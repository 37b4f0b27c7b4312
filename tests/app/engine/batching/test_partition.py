import random

from app.engine.batching.partition import cheapest_batch

OVERHEAD, BUDGET = 10, 100


def cost(batch: list[int]) -> int:
    return OVERHEAD + max(batch) * len(batch)


def fits(batch: list[int]) -> bool:
    return len(batch) == 1 or max(batch) * len(batch) <= BUDGET


def least(lengths: list[int]) -> int:
    """Cost of the cheapest of all ways to run these, found by trying every one."""
    if not lengths:
        return 0
    first, others = lengths[0], lengths[1:]
    costs = []
    for chosen in range(1 << len(others)):
        batch = [first, *(one for i, one in enumerate(others) if chosen >> i & 1)]
        if fits(batch):
            left = [one for i, one in enumerate(others) if not chosen >> i & 1]
            costs.append(cost(batch) + least(left))
    return min(costs)


def test_the_batch_is_part_of_the_cheapest_of_all_ways_to_run_these() -> None:
    rng = random.Random(1)
    for _ in range(300):
        lengths = sorted(rng.randint(1, rng.choice((30, 120))) for _ in range(rng.randint(1, 7)))
        at = rng.randrange(len(lengths))
        batch = cheapest_batch(lengths, at, OVERHEAD, BUDGET)
        chosen = lengths[batch.start : batch.stop]
        left = lengths[: batch.start] + lengths[batch.stop :]
        assert at in batch
        assert fits(chosen)
        assert cost(chosen) + least(left) == least(lengths)


def test_of_equal_lengths_the_oldest_get_a_full_batch() -> None:
    assert cheapest_batch([25] * 7, 0, OVERHEAD, BUDGET) == range(4)


def test_neighbours_join_whom_they_fit_best() -> None:
    # 41 would save more overhead with 50 than it adds padding, and yet more with 39.
    assert cheapest_batch([39, 41, 50], 2, OVERHEAD, 1000) == range(2, 3)
    assert cheapest_batch([41, 50], 1, OVERHEAD, 1000) == range(2)


def test_an_entry_over_the_budget_runs_alone() -> None:
    assert cheapest_batch([20, 150, 151], 1, OVERHEAD, BUDGET) == range(1, 2)
