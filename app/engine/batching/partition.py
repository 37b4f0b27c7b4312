"""Which queued entries share a batch: those that do in the cheapest way to run them all."""

from collections.abc import Sequence


def cheapest_batch(lengths: Sequence[int], at: int, overhead: int, budget: int) -> range:
    """Return the batch of `lengths[at]` where the batches of all together cost the least.

    A batch costs a fixed overhead and its entries, each padded to the longest. Then some cheapest
    partition never has two batches that overlap in length, so dynamic programming over the sorted
    lengths finds it, in len(lengths) x the entries of a full batch steps.

    Taking whatever saves more overhead than it adds padding, entry by entry, leaves to others
    neighbours that fit them worse.

    Args:
        lengths: in tokens, sorted.
        overhead: what a batch costs besides its padded tokens, in tokens.
        budget: padded tokens a batch may have; a single longer entry still runs.

    Returns:
        Indices into `lengths`, `at` among them.
    """
    costs = [0]  # of the cheapest way to run so many of the shortest
    starts = [0]  # where its last batch begins
    for end, longest in enumerate(lengths, start=1):
        start, padded = end - 1, longest
        best = costs[start] + padded
        best_start = start
        while start and (padded := padded + longest) <= budget:
            start -= 1
            if (cost := costs[start] + padded) < best:
                best, best_start = cost, start
        costs.append(best + overhead)
        starts.append(best_start)
    end = len(lengths)
    while (start := starts[end]) > at:
        end = start
    return range(start, end)
