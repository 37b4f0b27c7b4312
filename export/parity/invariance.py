"""Test batch invariance: a text must get the same answer alone and with other texts."""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from app.engine.backends.base import Session
from app.engine.batching.executors import available_cpus
from app.engine.text.encoding import Logits
from export.checkpoint.config import ModelConfig
from export.parity.agreement import Agreement, compare_logits
from export.reference.workload import Workload, spread

INVARIANT_SCORE_DIFFERENCE = 1e-4
# The batch test takes at most this many texts, and fewer if a composition of them would have more
# padded tokens than this.
MAX_BATCH_TEST_TEXTS = 32
BATCH_TEST_TOKENS = 4_000


def compositions(by_length: Sequence[int]) -> Iterable[list[int]]:
    """Yield batches of the same inputs, each input with different neighbours.

    Fours that mix short and long, eights at random, and sixteens of similar length as the
    scheduler would join them.
    """
    quarter = -(-len(by_length) // 4)
    for first in range(quarter):
        yield list(by_length[first::quarter])
    shuffled = np.random.default_rng(0).permutation(np.asarray(by_length)).tolist()
    for size, order in ((8, shuffled), (16, list(by_length))):
        for first in range(0, len(order), size):
            yield order[first : first + size]


def batch_test(
    config: ModelConfig, session: Session, workload: Workload, alone: Sequence[Logits]
) -> Agreement:
    """Compare answers in batches of several compositions with those given alone."""
    encodings = workload.encodings
    longest = encodings[workload.by_length[-1]].tokens
    count = max(4, min(MAX_BATCH_TEST_TEXTS, BATCH_TEST_TOKENS // longest))
    batches = list(compositions(spread(workload.by_length, count)))
    with ThreadPoolExecutor(available_cpus()) as pool:
        answers = pool.map(lambda batch: session.run([encodings[i] for i in batch]), batches)
        rows = [row for answer in answers for row in answer]
    order = [i for batch in batches for i in batch]
    return compare_logits(config, [encodings[i] for i in order], [alone[i] for i in order], rows)
