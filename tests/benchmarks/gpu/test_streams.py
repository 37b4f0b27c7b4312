"""Batches keep to their budget in every layout, and no text is lost or counted twice."""

import pytest

from benchmarks.errors import BenchmarkError
from benchmarks.gpu.subjects.networks import NETWORKS, TINY, choose_networks
from benchmarks.gpu.subjects.streams import (
    BUCKETS,
    Layout,
    Setting,
    Stream,
    make_batches,
    mixed,
    padded_length,
    uniform,
)

TINIEST = TINY[0]


def test_operations_are_those_of_the_known_sizes() -> None:
    by_name = {one.name: one for one in NETWORKS}
    layers, hidden, tokens = 12, 768, 128
    expected = layers * tokens * (24 * hidden**2 + 4 * tokens * hidden)
    assert by_name["bert-base"].flops(tokens) == expected
    assert by_name["bert-base"].flops(384) == pytest.approx(70.7e9, rel=0.01)
    assert by_name["bert-large"].flops(128) == pytest.approx(78.9e9, rel=0.01)
    assert by_name["minilm-l6"].flops(32) == pytest.approx(0.69e9, rel=0.01)


def test_operations_of_a_stream_are_those_of_each_text() -> None:
    both = Stream("two", (32, 128))
    alone = [TINIEST.flops(n) for n in both.lengths]
    assert both.flops(TINIEST) == sum(alone) / 2


@pytest.mark.parametrize("ordered", [False, True])
@pytest.mark.parametrize("layout", ["packed", "padded", "bucketed"])
def test_batches_keep_their_budget_and_every_text(layout: Layout, ordered: bool) -> None:
    texts = mixed(700).encode(TINIEST)
    batches = make_batches(texts, Setting(512, ordered), layout)
    own = {id(text) for text in texts}
    found = [text for batch in batches for text in batch if id(text) in own]
    assert sorted(map(id, found)) == sorted(own)
    for batch in batches:
        tokens = sum(text.tokens for text in batch)
        rows = len(batch) * padded_length(batch, layout)
        assert (tokens if layout == "packed" else rows) <= 512


def test_fixed_shapes_are_few_and_full() -> None:
    texts = mixed(700).encode(TINIEST)
    batches = make_batches(texts, Setting(512, ordered=True), "bucketed")
    shapes = {(len(batch), padded_length(batch, "bucketed")) for batch in batches}
    assert all(length in BUCKETS and rows == 512 // length for rows, length in shapes)


def test_like_texts_make_one_batch_that_stands_for_all() -> None:
    texts = uniform(128, 64).encode(TINIEST)
    (batch,) = make_batches(texts, Setting(4096), "padded")
    assert len(batch) == 32
    assert len(make_batches(texts, Setting(64), "packed")[0]) == 1


def test_an_unknown_network_is_refused_with_those_there_are() -> None:
    assert choose_networks((), tiny=True) == TINY
    assert [one.name for one in choose_networks(["distilbert"], tiny=False)] == ["distilbert"]
    with pytest.raises(BenchmarkError, match="bert-large"):
        choose_networks(["gpt"], tiny=False)
