"""The batch test: the same text alone and in unlike company must get the same answer."""

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np

# Graphs are verified where every machine can run them; fp16 too, though it is meant for GPUs.
PROVIDER: Final = "CPUExecutionProvider"
INVARIANT_SCORE_DIFFERENCE = 1e-4


def compositions(by_length: Sequence[int]) -> Iterable[list[int]]:
    """Yield batches of the same inputs in unlike company.

    Fours that mix short and long, eights by lot, and sixteen neighbours in length as the
    scheduler would join them.
    """
    quarter = -(-len(by_length) // 4)
    for first in range(quarter):
        yield list(by_length[first::quarter])
    lot = np.random.default_rng(0).permutation(np.asarray(by_length)).tolist()
    for size, order in ((8, lot), (16, list(by_length))):
        for first in range(0, len(order), size):
            yield order[first : first + size]
