"""The weights of MatMulNBits: blocks that hold the weight they were packed from."""

import numpy as np

from export.graphs.int8.per_block import BLOCK, pack_blocks


def test_blocks_hold_the_weight_they_were_packed_from() -> None:
    weight = np.random.default_rng(2).normal(size=(BLOCK + 10, 6)).astype(np.float32)
    packed, scales = pack_blocks(weight)
    assert packed.shape == (6, 2, BLOCK)
    again = ((packed.astype(np.float32) - 128) * scales[..., None]).reshape(6, -1).T
    assert np.abs(again[: len(weight)] - weight).max() <= scales.max() / 2 + 1e-6
    assert (again[len(weight) :] == 0).all()
