"""Texts one after the other: nothing is lost, nothing mixes, and room to spare changes nothing."""

import numpy as np
import pytest

from app.engine.backends.packing import Extent, measure, pack, unpack
from app.engine.text.encoding import Encoding, without_layout

INPUTS = ("input_ids", "token_type_ids", "position_ids", "cumulative_lengths", "token_offset")


def text(*ids: int) -> Encoding:
    """Return an encoding whose token types are the ids' last digits."""
    array = np.array(ids, np.int64)
    return without_layout(array, array % 10)


TEXTS = (text(10), text(21, 22), text(30, 31, 32, 33))


def listed(feeds: dict[str, np.ndarray]) -> dict[str, list[object]]:
    return {name: array.tolist() for name, array in feeds.items()}


def test_texts_follow_each_other_and_each_counts_its_positions_anew() -> None:
    assert listed(pack(TEXTS, INPUTS)) == {
        "input_ids": [[10, 21, 22, 30, 31, 32, 33]],
        "token_type_ids": [[0, 1, 2, 0, 1, 2, 3]],
        "position_ids": [[0, 0, 1, 0, 1, 2, 3]],
        "cumulative_lengths": [0, 1, 3, 7],
        # As in the documentation of PackedMultiHeadAttention.
        "token_offset": [[0, 4, 5, 8], [9, 10, 11, 1], [2, 3, 6, 7]],
    }


def test_only_what_the_graph_reads_is_made_and_all_of_it_is_int32_in_one_piece() -> None:
    inputs = [name for name in INPUTS if name != "token_type_ids"]
    feeds = pack(TEXTS, inputs)
    assert list(feeds) == inputs
    assert {array.dtype for array in feeds.values()} == {np.dtype(np.int32)}
    assert all(array.flags.c_contiguous for array in feeds.values())


def test_room_to_spare_holds_tokens_of_no_text_and_empty_sequences() -> None:
    assert listed(pack(TEXTS[:2], INPUTS, Extent(tokens=6, sequences=4, longest=3))) == {
        "input_ids": [[10, 21, 22, 0, 0, 0]],
        "token_type_ids": [[0, 1, 2, 0, 0, 0]],
        "position_ids": [[0, 0, 1, 0, 0, 0]],
        "cumulative_lengths": [0, 1, 3, 3, 3],
        "token_offset": [[0, 3, 4], [1, 2, 5], [6, 7, 8], [9, 10, 11]],
    }


@pytest.mark.parametrize("sizes", [(6, 3, 4), (7, 2, 4), (7, 3, 3), (13, 3, 4)])
def test_an_extent_too_small_or_with_more_tokens_than_places_is_refused(
    sizes: tuple[int, int, int],
) -> None:
    with pytest.raises(ValueError, match="tokens=7, sequences=3, longest=4.* does not fit into"):
        pack(TEXTS, INPUTS, Extent(*sizes))


def test_each_text_gets_its_own_rows_of_the_logits_back() -> None:
    rows = np.arange(20, dtype=np.float32).reshape(10, 2)
    assert [one.tolist() for one in unpack(rows, TEXTS, per_token=False)] == rows[:3].tolist()
    tags = unpack(rows, TEXTS, per_token=True)
    assert [one.tolist() for one in tags] == [
        rows[:1].tolist(),
        rows[1:3].tolist(),
        rows[3:7].tolist(),
    ]


def test_many_texts_of_many_lengths_keep_every_token_in_its_place() -> None:
    lot = np.random.default_rng(3)
    texts = [text(*lot.integers(1, 1000, lot.integers(1, 60))) for _ in range(100)]
    least = measure(texts)
    extent = Extent(least.tokens + 50, least.sequences + 9, least.longest + 5)
    feeds = pack(texts, INPUTS, extent)
    padded = np.zeros(extent.sequences * extent.longest, np.int32)
    places = feeds["token_offset"].reshape(-1)
    padded[places[: least.tokens]] = feeds["input_ids"][0, : least.tokens]
    for row, one in zip(padded.reshape(extent.sequences, -1), texts, strict=False):
        assert row[: one.tokens].tolist() == one.ids.tolist()
    assert np.sort(places).tolist() == list(range(extent.sequences * extent.longest))
