"""Test batch invariance: a text must get the same answer alone and with other texts."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from app.engine.backends.base import Session
from app.engine.batching.cpus import available_cpus
from app.engine.text.encoding import Logits
from export.checkpoint.config import ModelConfig
from export.errors import GateFailed
from export.parity.agreement import Agreement, compare_logits
from export.reference.workload import Workload, spread

INVARIANT_SCORE_DIFFERENCE = 1e-4
# The batch test takes so many texts: fewer where they are long, because each runs several times.
MOST_TEXTS, LEAST_TEXTS = 32, 8
# Padded tokens of a batch: memory grows with them, and with the square of a text's length.
BATCH_TOKENS = 4_096


def compositions(by_length: Sequence[int], tokens: Sequence[int]) -> Iterator[list[int]]:
    """Yield batches of the same inputs, each input with different neighbours.

    Fours that mix short and long, eights at random, and sixteens of similar length as the
    scheduler would join them; smaller ones where these would have more than BATCH_TOKENS.

    Args:
        by_length: positions of the inputs, from the shortest to the longest.
        tokens: of each input, by its position.
    """
    quarter = -(-len(by_length) // 4)
    shuffled = np.random.default_rng(0).permutation(np.asarray(by_length)).tolist()
    for first in range(quarter):
        yield from _split(by_length[first::quarter], tokens)
    for size, order in ((8, shuffled), (16, by_length)):
        for first in range(0, len(order), size):
            yield from _split(order[first : first + size], tokens)


def shareable(by_length: Sequence[int], tokens: Sequence[int]) -> list[int]:
    """Leave out texts of more than half the budget: on a CPU the service runs them alone too."""
    return [i for i in by_length if 2 * tokens[i] <= BATCH_TOKENS] or [*by_length]


def _split(batch: Sequence[int], tokens: Sequence[int]) -> Iterator[list[int]]:
    """Cut a batch, in its order, into parts within the budget."""
    part: list[int] = []
    for position in batch:
        longest = max(tokens[one] for one in [*part, position])
        if part and longest * (len(part) + 1) > BATCH_TOKENS:
            yield part
            part = []
        part.append(position)
    yield part


def batch_test(
    config: ModelConfig, session: Session, workload: Workload, alone: Sequence[Logits]
) -> Agreement:
    """Compare answers in batches of several compositions with those given alone."""
    encodings = workload.encodings
    tokens = [one.tokens for one in encodings]
    candidates = shareable(workload.by_length, tokens)
    count = BATCH_TOKENS // tokens[candidates[-1]]
    chosen = spread(candidates, min(MOST_TEXTS, max(LEAST_TEXTS, count)))
    batches = list(compositions(chosen, tokens))
    with ThreadPoolExecutor(available_cpus()) as pool:
        answers = pool.map(lambda batch: session.run([encodings[i] for i in batch]), batches)
        try:
            rows = [row for answer in answers for row in answer]
        except GateFailed:  # BART's head, for one, reads no pair beside a single text
            return Agreement(0, 1, 1.0)
    order = [i for batch in batches for i in batch]
    return compare_logits(config, [encodings[i] for i in order], [alone[i] for i in order], rows)
