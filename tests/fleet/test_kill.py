"""A pod dies with requests in its hands: they fail alone, and with retry none does."""

import signal
import time

import pytest

from benchmarks.load.arrivals import bursts
from tests.deployment.prometheus import wait_until
from tests.fleet.conftest import Play
from tests.fleet.haproxy import NEEDS_HAPROXY

pytestmark = [pytest.mark.fleet, NEEDS_HAPROXY]


@pytest.mark.parametrize("retry", [False, True], ids=["without-retry", "with-retry"])
def test_only_what_a_killed_pod_held_fails_and_with_retry_nothing(
    retry: bool, play: Play, measured: dict[str, str]
) -> None:
    with play(3, retry=retry, arrivals=bursts) as (haproxy, fleet, load):
        load.wait_for(200)
        pod = fleet.pods[0]
        # It holds what it gets from now on, as a pod does that swaps before it is killed.
        pod.server.process.send_signal(signal.SIGSTOP)
        assert wait_until(lambda: haproxy.in_flight(pod.slot) >= 3, 30)
        held, counted = haproxy.in_flight(pod.slot), time.monotonic()
        fleet.kill(pod)
        dead = time.monotonic()
        load.wait_for(max(100, 1000 - len(load.outcomes)))
        sent_again = haproxy.sent_again()
    came_since = sum(counted <= one.sent <= dead for one in load.outcomes)
    measured[f"SIGKILL, retry {retry}"] = (
        f"{len(load.outcomes)} requests, {held} held, {came_since} more until it was dead, "
        f"{len(load.faults)} failed, {sent_again} sent again"
    )
    if retry:
        assert load.faults == []
        assert sent_again >= held
    else:
        assert held <= len(load.faults) <= held + came_since
        assert all(one.sent <= dead for one in load.faults)
