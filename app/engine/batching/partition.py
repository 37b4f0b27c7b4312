"""Chooses the queued entries that share a batch, so that all together cost the least."""

from collections.abc import Sequence


def cheapest_batch(lengths: Sequence[int], at: int, overhead: int, budget: int) -> range:
    """Return the batch that holds `lengths[at]` in the cheapest partition of all entries.

    Args:
        lengths: in tokens, sorted.
        overhead: cost of a batch besides its padded tokens, in tokens.
        budget: padded tokens a batch may have; a single longer entry still runs.

    Returns:
        Indices into `lengths`, `at` among them.
    """
    starts = _cheapest_starts(lengths, overhead, budget)
    end = len(lengths)
    while (start := starts[end]) > at:
        end = start
    return range(start, end)


def cheapest_partition(lengths: Sequence[int], overhead: int, budget: int) -> list[range]:
    """Return all batches of the cheapest partition, the shortest entries first.

    Args as for `cheapest_batch`.
    """
    starts = _cheapest_starts(lengths, overhead, budget)
    batches, end = [], len(lengths)
    while end:
        batches.append(range(starts[end], end))
        end = starts[end]
    return batches[::-1]


def _cheapest_starts(lengths: Sequence[int], overhead: int, budget: int) -> list[int]:
    """Return where the last batch begins in the cheapest way to run the n shortest, for each n.

    A batch costs a fixed overhead and its entries, each padded to the longest. So in some cheapest
    partition no two batches overlap in length. Dynamic programming over the sorted lengths finds
    it, in len(lengths) x (entries of a full batch) steps.

    A greedy choice takes each entry that saves more overhead than it adds padding, and leaves
    worse neighbours to the others.
    """
    costs = [0]  # costs[n]: of the cheapest way to run the n shortest
    starts = [0]
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
    return starts
