"""The chart's ScaledObject: what its queries give, and what becomes of the number of pods.

No autoscaler is at hand, so its rule is in tests/fleet/scaling.py. All else is real: helm renders
the ScaledObject, and Prometheus evaluates its queries at each step. For loads that must be exact,
and minutes that must not be waited for, simulated pods report the busy executors and the wait that
a load gives them, Prometheus is sent what it would have scraped, and the number of pods that
follows shares the load from then on. Two real services under load show that the queries fit what
is exported.
"""

import math
import shutil
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest

from tests.deployment.prometheus import RECEIVES_WRITES, Prometheus, running
from tests.fleet.helm import VALUE_SETS, one, render
from tests.fleet.scaling import Autoscaler, desired, thresholds
from tests.fleet.simulated_pods import EXECUTORS, STEP_SECONDS, Simulation

pytestmark = [
    pytest.mark.fleet,
    pytest.mark.skipif(shutil.which("prometheus") is None, reason="apt install prometheus"),
]

MINUTES = 10


@pytest.fixture(scope="module")
def spec() -> dict[str, Any]:
    scaled = one(render(*VALUE_SETS["bucket"], settings={"executors": EXECUTORS}), "ScaledObject")
    return dict(scaled["spec"])


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    with running({}, tmp_path_factory.mktemp("prometheus"), RECEIVES_WRITES) as server:
        yield server


def history(
    simulation: Simulation, spec: dict[str, Any], load: Callable[[float], float]
) -> list[int]:
    """Return the number of pods at each step of ten minutes, after two of the load at first."""
    for _ in range(120 // STEP_SECONDS):
        simulation.step(load(0))
    autoscaler = Autoscaler(spec, len(simulation.fleet.pods))
    numbers = [autoscaler.replicas]
    for step in range(MINUTES * 60 // STEP_SECONDS):
        values = simulation.step(load(step * STEP_SECONDS))
        assert len(values) == len(spec["triggers"])
        numbers.append(autoscaler.step(simulation.now, values))
        simulation.fleet.scale(numbers[-1], simulation.now)
    return numbers


@pytest.mark.parametrize(
    ("share", "expected"), [(0.0, 2), (0.5, 2), (0.9, 3), (1.5, 4)], ids=lambda value: str(value)
)
def test_two_pods_become_as_many_as_their_load_needs(
    prometheus: Prometheus, spec: dict[str, Any], share: float, expected: int
) -> None:
    simulation = Simulation(prometheus, spec, 2)
    for _ in range(180 // STEP_SECONDS):
        values = simulation.step(share * 2 * EXECUTORS)
    wanted = desired(2, values, thresholds(spec))
    assert max(wanted, spec["minReplicaCount"]) == expected


@pytest.mark.parametrize(
    ("start", "share"), [(5, 0.0), (2, 0.5), (2, 0.9), (2, 1.5), (6, 0.6)], ids=str
)
def test_the_number_of_pods_comes_to_rest_where_it_is_right(
    prometheus: Prometheus, spec: dict[str, Any], start: int, share: float
) -> None:
    load = share * start * EXECUTORS
    numbers = history(Simulation(prometheus, spec, start), spec, lambda _: load)
    steps = {after - before for before, after in pairwise(numbers)}
    assert not (min(steps) < 0 < max(steps)), f"up and down: {numbers}"
    assert len(set(numbers[-180 // STEP_SECONDS :])) == 1, f"no rest: {numbers}"
    right = max(spec["minReplicaCount"], math.ceil(load / thresholds(spec)[0]))
    # Within the rule's tolerance one pod fewer is right too.
    assert right - (load > 0) <= numbers[-1] <= right


def test_a_sudden_load_doubles_the_pods_at_once_and_asks_for_no_more_than_it_needs(
    prometheus: Prometheus, spec: dict[str, Any]
) -> None:
    load = 1.5 * 2 * EXECUTORS
    simulation = Simulation(prometheus, spec, 2)
    numbers = history(simulation, spec, lambda at: load if at >= 60 else 1.0)
    assert numbers[60 // STEP_SECONDS] == 2
    assert numbers[90 // STEP_SECONDS] == 4
    # A queue is full while pods start, and its seconds are no number of pods.
    assert max(numbers) == math.ceil(load / thresholds(spec)[0])
