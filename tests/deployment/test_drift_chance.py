"""Chance alone does not raise the alerts that compare an hour with a day, at the least numbers."""

import numpy as np
import pytest

from tests.deployment.files import rules

# As the rules say: answers of the hour, of each label, of the baseline; and what is a shift.
HOUR, OF_A_LABEL, BASELINE = 500, 10, 1000
DRAWS, AT_MOST = 20_000, 1e-3


def expression(name: str) -> str:
    (rule,) = [one for one in (*rules("alert"), *rules("record")) if name in one.values()]
    return str(rule["expr"])


def test_the_rules_have_these_numbers() -> None:
    psi = expression("classmark:answers:psi")
    assert f"clamp_min({OF_A_LABEL} * count" in psi
    assert f", {HOUR})" in psi
    assert f">= {BASELINE}" in psi
    assert f">= {HOUR})" in expression("classmark:low_confidence:ratio_1h")
    assert f">= {BASELINE})" in expression("classmark:low_confidence:ratio_baseline")
    assert expression("ClassmarkLabelDrift").endswith("> 0.2")


@pytest.mark.parametrize("labels", [2, 9, 60, 101])
@pytest.mark.parametrize("even", [True, False])
def test_chance_moves_no_shares(labels: int, even: bool) -> None:
    rng = np.random.default_rng(labels)
    shares = np.full(labels, 1 / labels) if even else rng.dirichlet(np.full(labels, 0.3))
    hour = max(HOUR, OF_A_LABEL * labels)
    p = rng.multinomial(hour, shares, DRAWS) + 0.5
    q = rng.multinomial(BASELINE, shares, DRAWS) + 0.5
    p, q = p / p.sum(1, keepdims=True), q / q.sum(1, keepdims=True)
    psi = ((p - q) * np.log(p / q)).sum(1)
    chance = (labels - 1) * (1 / hour + 1 / BASELINE)
    assert (psi - chance > 0.2).mean() < AT_MOST


@pytest.mark.parametrize("share", [0.001, 0.02, 0.05, 0.1, 0.3])
def test_chance_doubles_no_share(share: float) -> None:
    rng = np.random.default_rng(1)
    now = rng.binomial(HOUR, share, DRAWS) / HOUR
    before = rng.binomial(BASELINE, share, DRAWS) / BASELINE
    assert ((now > 2 * before) & (now - before > 0.05)).mean() < AT_MOST
