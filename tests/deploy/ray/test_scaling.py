"""How many servers a load gets."""

from dataclasses import dataclass, field

import pytest
from classmark_ray.scaling import LONG_WAIT_SECONDS, TARGET_SHARE, servers_needed


@dataclass
class Context:
    aggregated_metrics: dict[str, dict[str, float]] | None = field(default_factory=dict)
    current_num_replicas: int = 4
    target_num_replicas: int = 4


def needed(shares: list[float], wait: float = 0.0) -> int:
    metrics = {
        "busy_share": {str(n): share for n, share in enumerate(shares)},
        "expected_wait": {"0": wait},
    }
    return servers_needed(Context(metrics, len(shares), len(shares)))[0]


@pytest.mark.parametrize(
    ("share", "servers"),
    [(0.0, 1), (0.35, 2), (TARGET_SHARE, 4), (0.9, 6), (1.0, 6)],
    ids=["idle", "half", "as wanted", "busy", "saturated"],
)
def test_servers_are_as_many_as_bring_the_busy_share_to_its_target(
    share: float, servers: int
) -> None:
    assert needed([share] * 4) == servers


def test_a_change_of_a_tenth_changes_nothing() -> None:
    assert needed([TARGET_SHARE * 1.09] * 4) == 4
    assert needed([TARGET_SHARE * 0.91] * 4) == 4


def test_a_long_wait_asks_for_one_more_whatever_the_share() -> None:
    assert needed([TARGET_SHARE] * 4, wait=LONG_WAIT_SECONDS * 1.1) == 5
    assert needed([1.0] * 4, wait=LONG_WAIT_SECONDS * 1.1) == 6


def test_a_server_that_has_not_reported_counts_as_the_others() -> None:
    metrics = {"busy_share": {"0": TARGET_SHARE}}
    assert servers_needed(Context(metrics, current_num_replicas=3))[0] == 3


@pytest.mark.parametrize("metrics", [None, {}, {"busy_share": {}}])
def test_without_any_report_the_number_stays(metrics: dict[str, dict[str, float]] | None) -> None:
    assert servers_needed(Context(metrics, target_num_replicas=2))[0] == 2
