"""Buckets: every batch of the budget has one, none wastes much, and there are not too many."""

from collections.abc import Iterator

import numpy as np
import pytest

from app.engine.backends.cuda.backend import BUDGET_TOKENS, MOST_GRAPHS
from app.engine.backends.cuda.buckets import (
    FAMILIES,
    STEP_TOKENS,
    TILE_TOKENS,
    WASTE,
    WORTH_SHARE,
    WORTH_TOKENS,
    Buckets,
    cost,
    plan,
    token_steps,
)
from app.engine.backends.cuda.layout import words_at_most
from app.engine.backends.packing import Extent
from tests.support.cuda import INPUTS

PLANS = {
    (length, budget): plan(length, budget, MOST_GRAPHS)
    for length in (16, 64, 128, 384, 512, 4096)
    for budget in (256, 4096, BUDGET_TOKENS)
}
each_plan = pytest.mark.parametrize(
    ("max_length", "budget", "buckets"), [(*key, buckets) for key, buckets in PLANS.items()]
)


def batches(max_length: int, budget: int, count: int = 400) -> Iterator[Extent]:
    """Random batches within a budget, of short, long and mixed texts."""
    random = np.random.default_rng(max_length + budget)
    for _ in range(count):
        longest = int(random.integers(1, max_length + 1))
        wanted = random.integers(1, min(budget, 4096) + 1)
        lengths, total = [longest], longest
        shortest = int(random.integers(1, longest + 1))
        while (length := int(random.integers(shortest, longest + 1))) + total <= wanted:
            lengths.append(length)
            total += length
        yield Extent(total, len(lengths), longest)


def fits(bucket: Extent, batch: Extent) -> bool:
    return bucket.holds(batch) and (
        bucket.sequences == batch.sequences or bucket.tokens > batch.tokens
    )


@each_plan
def test_a_batch_gets_the_cheapest_bucket_that_holds_it_with_a_token_for_empty_sequences(
    max_length: int, budget: int, buckets: Buckets
) -> None:
    chosen = 0
    for batch in batches(max_length, budget):
        best = min((cost(e) for e in buckets.extents if fits(e, batch)), default=float("inf"))
        worth = (1 + WORTH_SHARE) * cost(batch) + WORTH_TOKENS
        bucket = buckets.choose(batch)
        if bucket is None:
            assert best > worth
        else:
            chosen += 1
            assert fits(bucket, batch)
            assert cost(bucket) == best <= worth
    assert chosen > 200


@each_plan
def test_texts_of_eight_tokens_and_more_on_average_have_a_bucket_up_to_the_whole_budget(
    max_length: int, budget: int, buckets: Buckets
) -> None:
    for length in {8, min(32, max_length), min(128, max_length), max_length}:
        most = max(1, budget // length)
        for count in {1, min(2, most), min(3, most), max(1, most // 2), most}:
            assert buckets.choose(Extent(length * count, count, length)) is not None


@each_plan
def test_a_smaller_batch_never_costs_more(max_length: int, budget: int, buckets: Buckets) -> None:
    for batch in batches(max_length, budget):
        bucket = buckets.choose(batch)
        less = Extent(batch.tokens - 1, max(1, batch.sequences - 1), batch.longest)
        smaller = buckets.choose(less)
        if bucket is not None and smaller is not None:
            assert cost(smaller) <= cost(bucket)


@each_plan
def test_there_are_no_more_graphs_than_allowed_and_each_is_there_once(
    max_length: int, budget: int, buckets: Buckets
) -> None:
    assert len(set(buckets.extents)) == len(buckets.extents) <= MOST_GRAPHS
    assert all(e.tokens <= e.sequences * e.longest for e in buckets.extents)
    assert max(e.longest for e in buckets.extents) == max_length
    assert cost(buckets.extents[0]) == max(map(cost, buckets.extents)), "the largest first"


@pytest.mark.parametrize("most", [6, 7, 20, 60, 144])
def test_fewer_graphs_mean_longer_steps(most: int) -> None:
    buckets = plan(512, BUDGET_TOKENS, most)
    assert len(buckets.extents) <= most
    assert buckets.choose(Extent(BUDGET_TOKENS, 128, 128)) is not None


def test_too_few_graphs_are_refused() -> None:
    with pytest.raises(ValueError, match="5 graphs are too few; allow 6"):
        plan(512, BUDGET_TOKENS, 5)


def test_a_step_wastes_an_eighth_at_most_and_short_ones_stay_short() -> None:
    steps = token_steps(BUDGET_TOKENS + 1, WASTE)
    assert steps[0] == STEP_TOKENS
    for below, step in zip(steps, steps[1:], strict=False):
        waste = step - (below + 1)
        assert waste < STEP_TOKENS or waste / step <= WASTE
    served = {e.tokens for e in PLANS[512, BUDGET_TOKENS].extents}
    assert served == set(steps), "the default number of graphs allows the finest steps"


@each_plan
def test_inputs_take_memory_in_proportion_to_tokens(
    max_length: int, budget: int, buckets: Buckets
) -> None:
    tokens = buckets.limits.tokens
    assert all(buckets.limits.hold(extent) for extent in buckets.extents)
    assert buckets.limits.places <= TILE_TOKENS * tokens
    assert words_at_most(buckets.limits, INPUTS) <= (TILE_TOKENS + 4) * (tokens + TILE_TOKENS)


def test_planning_is_a_pure_function() -> None:
    assert plan(512, BUDGET_TOKENS, MOST_GRAPHS) == PLANS[512, BUDGET_TOKENS]
    assert len(PLANS[512, BUDGET_TOKENS].ladders) == len(FAMILIES)
