"""The batch test mixes neighbours within a budget of memory, however long the texts are."""

import pytest

from export.parity.invariance import BATCH_TOKENS, compositions, shareable


@pytest.mark.parametrize(
    "tokens", [[3, 9, 20, 64, 200, 512], [5] * 40, [8, 700, 1500, 2048, 4096, 8192], [8192] * 3]
)
def test_no_batch_has_more_padded_tokens_than_the_budget(tokens: list[int]) -> None:
    batches = list(compositions(shareable(range(len(tokens)), tokens), tokens))
    for batch in batches:
        padded = len(batch) * max(tokens[i] for i in batch)
        assert padded <= BATCH_TOKENS or len(batch) == 1
    fitting = {i for i in range(len(tokens)) if 2 * tokens[i] <= BATCH_TOKENS}
    assert {i for batch in batches for i in batch} == fitting or not fitting


def test_every_text_that_may_share_a_batch_does() -> None:
    tokens = [8, 30, 700, 1500, 2048]
    batches = list(compositions(range(len(tokens)), tokens))
    together = [set(batch) for batch in batches if len(batch) > 1]
    assert all(any(i in batch for batch in together) for i in range(len(tokens)))
