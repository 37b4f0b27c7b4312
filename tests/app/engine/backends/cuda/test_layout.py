"""Inputs in one buffer: each where it belongs, aligned, within what was set aside."""

import numpy as np
import pytest

from app.engine.backends.cuda.layout import ALIGNMENT_WORDS, lay_out, words_at_most
from app.engine.backends.packing import Extent, pack
from tests.support.cuda import BUCKETS, INPUTS
from tests.support.fakes import encoding


@pytest.mark.parametrize("inputs", [INPUTS, INPUTS[2:], INPUTS[:1] + INPUTS[2:]])
def test_what_is_written_is_read_back_and_nothing_overlaps(inputs: tuple[str, ...]) -> None:
    encodings = [encoding(5, 1), encoding(9, 2), encoding(1, 3)]
    extent = Extent(32, 4, 9)
    layout = lay_out(extent, inputs)
    words = np.full(words_at_most(BUCKETS.limits, inputs), -1, np.int32)
    arrays = pack(encodings, inputs, extent)
    layout.write(arrays, words)
    end = 0
    for one in layout.slices:
        assert np.array_equal(one.view(words), arrays[one.name])
        assert one.start % ALIGNMENT_WORDS == 0
        assert one.start >= end
        end = one.start + arrays[one.name].size
    assert end == layout.words


def test_any_batch_within_the_limits_fits_into_the_buffer() -> None:
    most = words_at_most(BUCKETS.limits, INPUTS)
    assert all(lay_out(extent, INPUTS).words <= most for extent in BUCKETS.extents)
    tokens, sequences, places = BUCKETS.limits
    assert lay_out(Extent(tokens, sequences, places // sequences), INPUTS).words <= most
