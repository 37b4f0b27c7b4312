"""Statistics of activations, and the loss of one range for all tokens."""

import numpy as np
import pytest

from export.graphs.int8.ranges import ActivationStats

WIDTH = 64


def test_a_range_costs_more_the_further_a_few_tokens_reach() -> None:
    """Noise beyond that of a scale a token, as the two would round these very values."""
    random = np.random.default_rng(8)
    alike = random.uniform(-1, 1, (400, WIDTH)).astype(np.float32)
    apart = alike.copy()
    apart[:4] *= 20
    for values in (alike, apart):
        stats = ActivationStats.of(values)
        scales = np.abs(values).max(axis=1, keepdims=True) * 2 / 255
        noises = [
            np.mean((np.round(values / step) * step - values) ** 2)
            for step in (np.float32(stats.range.step), scales)
        ]
        extra = (noises[0] - noises[1]) / np.mean(values**2)
        assert stats.loss == pytest.approx(extra, rel=0.1, abs=1e-6)
    loss = ActivationStats.of(alike).loss
    assert ActivationStats.of(apart).loss > 50 * loss
    joined = ActivationStats.of(alike[:100]).join(ActivationStats.of(alike[100:]))
    assert joined.loss == pytest.approx(loss)


def test_a_range_holds_every_channel_and_nothing_else_but_zero() -> None:
    one = ActivationStats.of(np.array([[1.0, 9.0], [3.0, 2.0]], np.float32))
    other = ActivationStats.of(np.array([[-3.0, 4.0], [0.0, 3.0]], np.float32))
    assert (one.range.least, one.range.greatest, one.range.zero_point) == (0.0, 9.0, 0)
    joined = one.join(other)
    assert (joined.range.least, joined.range.greatest) == (-3.0, 9.0)
    assert joined.range.zero_point * joined.range.step == pytest.approx(3.0, abs=0.03)
    assert joined.magnitude.tolist() == [3.0, 9.0]
