"""Pods are replaced, come, go and get a new model under load: no request fails.

Nothing that is done in order needs a request to be sent again, so HAProxy is kept from it.
"""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.deployment.bundles import GRAPH, write_bundle
from tests.deployment.prometheus import wait_until
from tests.fleet.chart import ChartNumbers
from tests.fleet.conftest import Play
from tests.fleet.haproxy import NEEDS_HAPROXY
from tests.fleet.load import Load, Question, asking
from tests.fleet.services import Pod

pytestmark = [pytest.mark.fleet, NEEDS_HAPROXY]
REQUESTS = 1000


def finish(measured: dict[str, str], **loads: Load) -> None:
    """Wait until each load has asked enough, and note what came of it."""
    for name, load in loads.items():
        load.wait_for(max(100, REQUESTS - len(load.outcomes)))
        measured[name] = f"{len(load.outcomes)} requests, {len(load.faults)} failed"


def test_all_pods_are_replaced_and_no_request_fails(
    play: Play, questions: Sequence[Question], measured: dict[str, str]
) -> None:
    with (
        play(3) as (haproxy, fleet, spread),
        asking(haproxy.connections_port, questions) as kept,
    ):
        codes = fleet.roll()
        finish(measured, rolling_restart_by_request=spread, rolling_restart_by_connection=kept)
    assert codes == [0, 0, 0]
    assert spread.faults + kept.faults == []


def test_a_restart_of_which_only_checks_tell_fails_no_request(
    play: Play, chart: ChartNumbers, measured: dict[str, str]
) -> None:
    with play(2) as (haproxy, fleet, load):
        pod = fleet.pods[0]
        port = pod.server.port
        assert pod.server.terminate(chart.grace_seconds) == 0
        before = haproxy.sent(pod.slot)
        fleet.wait_until_ready(fleet.launch(port=port))
        assert wait_until(lambda: haproxy.sent(pod.slot) > before + 100, 60)
        finish(measured, restart_by_checks_alone=load)
    assert load.faults == []


def test_a_pod_whose_model_is_still_copied_gets_requests_only_once_it_is_ready(
    play: Play, tmp_path: Path, measured: dict[str, str]
) -> None:
    graph = write_bundle(tmp_path / "copy", "mood", 1, "sequence-classification") / GRAPH
    whole = graph.read_bytes()
    graph.write_bytes(whole[:100])
    with play(2, retry=True) as (haproxy, fleet, load):
        server = fleet.launch(model_store=tmp_path / "copy")
        server.wait_for_log("started")
        pod = Pod(server, haproxy.add(server.port))
        assert wait_until(lambda: not haproxy.is_up(pod.slot), 30)
        refused = haproxy.sent(pod.slot)
        load.wait_for(300)
        assert haproxy.sent(pod.slot) == refused
        graph.write_bytes(whole)
        assert wait_until(lambda: haproxy.sent(pod.slot) > refused + 100, 60)
        finish(measured, pod_with_half_a_model=load)
        measured["sent to it before its first check, and sent again"] = (
            f"{refused}, {haproxy.sent_again()}"
        )
    assert load.faults == []


def test_new_pods_get_their_share_and_old_ones_leave_without_a_failed_request(
    play: Play, questions: Sequence[Question], measured: dict[str, str]
) -> None:
    with (
        play(2, max_connection_seconds=5) as (haproxy, fleet, spread),
        asking(haproxy.connections_port, questions) as kept,
    ):
        (pod,) = fleet.start()

        def by_connection() -> int:
            return pod.answered() - haproxy.sent(pod.slot)

        assert wait_until(lambda: by_connection() > 100, 60)
        first, first_kept = haproxy.sent(pod.slot), by_connection()
        since, since_kept = len(spread.outcomes), len(kept.outcomes)
        spread.wait_for(300)
        shares = [
            (haproxy.sent(pod.slot) - first) / (len(spread.outcomes) - since),
            (by_connection() - first_kept) / (len(kept.outcomes) - since_kept),
        ]
        leaving = [fleet.stop(old) for old in fleet.pods[:2]]
        assert [one.result() for one in leaving] == [0, 0]
        finish(measured, scaling_by_request=spread, scaling_by_connection=kept)
        measured["share of a third pod, by request and by connection"] = str(shares)
    assert spread.faults + kept.faults == []
    assert min(shares) > 0.2


def test_a_new_version_in_the_shared_store_fails_no_request(
    play: Play, store: Path, tmp_path: Path, measured: dict[str, str]
) -> None:
    with play(3) as (_, fleet, load):
        load.wait_for(200)
        made = write_bundle(tmp_path / "made", "mood", 3, "sequence-classification")
        made.rename(store / "mood" / "3")
        for pod in fleet.pods:
            pod.server.wait_for_log("model swapped.*version=3")
        swapped = len(load.outcomes)
        finish(measured, new_version=load)
    assert load.faults == []
    assert {one.version for one in load.outcomes} == {1, 3}
    assert {one.version for one in load.outcomes[swapped + 100 :]} == {3}
