"""Counts of the most frequent items are within the bounds that the algorithm promises."""

import random
from collections import Counter
from itertools import pairwise

import pytest

from app.monitor.space_saving import Counted, SpaceSaving, merge


def stream(seed: int, length: int = 5000) -> list[int]:
    """Return items of which few are frequent and hundreds are rare."""
    rng = random.Random(seed)
    return [min(int(rng.paretovariate(0.8)), 1000) for _ in range(length)]


def sketch_of(items: list[int], capacity: int) -> SpaceSaving[int]:
    sketch = SpaceSaving[int](capacity)
    for item in items:
        sketch.add(item)
    return sketch


def counted(sketch: SpaceSaving[int]) -> Counted[int]:
    return Counted(dict(sketch.items()), sketch.floor)


@pytest.mark.parametrize("capacity", [1, 2, 7, 50, 10_000])
@pytest.mark.parametrize("seed", range(5))
def test_every_count_is_within_its_bounds_and_no_frequent_item_is_missed(
    seed: int, capacity: int
) -> None:
    items = stream(seed)
    exact, sketch = Counter(items), sketch_of(items, capacity)
    estimates = dict(sketch.items())
    assert len(estimates) <= capacity
    assert sum(one.most for one in estimates.values()) == len(items)
    for item, (most, error) in estimates.items():
        assert most - error <= exact[item] <= most
        assert error <= len(items) / capacity
    missed = [count for item, count in exact.items() if item not in estimates]
    assert max(missed, default=0) <= sketch.floor <= len(items) / capacity


def test_few_items_are_counted_exactly() -> None:
    sketch = sketch_of([3, 1, 3, 2, 3, 1], 3)
    assert {item: tuple(one) for item, one in sketch.items()} == {3: (3, 0), 1: (2, 0), 2: (1, 0)}


def test_the_item_that_loses_its_counter_is_the_oldest_of_the_least() -> None:
    sketch = SpaceSaving[str](2)
    assert [sketch.add(item) for item in "aabca"] == [None, None, None, "b", None]
    assert sketch.add("d") == "c"
    assert {item: tuple(one) for item, one in sketch.items()} == {"a": (3, 0), "d": (3, 2)}


@pytest.mark.parametrize("seed", range(5))
def test_merged_counts_are_within_their_bounds(seed: int) -> None:
    streams = [stream(10 * seed + part, length=1500) for part in range(3)]
    sketches = [
        sketch_of(items, capacity) for items, capacity in zip(streams, (5, 20, 5000), strict=True)
    ]
    exact = Counter(item for items in streams for item in items)
    for item, (most, error) in merge([counted(sketch) for sketch in sketches]).items():
        assert most - error <= exact[item] <= most
    alone = counted(sketches[0])
    assert merge([alone]) == alone.estimates


def test_nothing_merged_is_nothing() -> None:
    assert merge([]) == {}
    assert merge([counted(SpaceSaving[int](3))]) == {}


def test_the_counters_stay_in_order_however_long_the_stream() -> None:
    sketch, rng, least = SpaceSaving[int](8), random.Random(1), [0]
    for _ in range(2000):
        sketch.add(rng.randrange(40))
        least.append(min(one.most for _, one in sketch.items()))
        if sketch.floor:
            assert sketch.floor == least[-1]
    assert all(one <= other for one, other in pairwise(least[8:]))
