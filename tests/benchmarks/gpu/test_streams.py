"""Batches keep to their budget, and no text is lost or counted twice."""

import pytest

from app.bundle.base import GraphKind
from benchmarks.gpu.subjects.networks import NETWORKS
from benchmarks.gpu.subjects.streams import Setting, encode, make_batches, mixed

TINY = NETWORKS["tiny-bert"]


def test_operations_are_those_of_the_known_sizes() -> None:
    layers, hidden, tokens = 12, 768, 128
    expected = layers * tokens * (24 * hidden**2 + 4 * tokens * hidden)
    assert NETWORKS["bert-base"].flops(tokens) == expected
    assert NETWORKS["minilm-l6"].flops(32) == pytest.approx(0.69e9, rel=0.01)


@pytest.mark.parametrize("ordered", [False, True])
@pytest.mark.parametrize("kind", ["packed", "padded"])
def test_batches_keep_their_budget_and_every_text(kind: GraphKind, ordered: bool) -> None:
    texts = encode(mixed(700), TINY)
    batches = make_batches(texts, Setting(512, ordered), kind)
    found = [text for batch in batches for text in batch]
    assert sorted(map(id, found)) == sorted(map(id, texts))
    for batch in batches:
        lengths = [text.tokens for text in batch]
        assert (sum(lengths) if kind == "packed" else len(batch) * max(lengths)) <= 512


def test_a_text_over_the_budget_is_a_batch() -> None:
    batches = make_batches(encode((128,) * 3, TINY), Setting(64), "packed")
    assert [len(batch) for batch in batches] == [1, 1, 1]
