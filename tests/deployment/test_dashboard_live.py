"""The dashboards over loaded services: real services, a real Prometheus, real requests."""

import shutil
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from deploy.grafana.reading import ALL, fill, panels
from tests.deployment.dashboards import BOARDS, EMPTY, QUERIES
from tests.deployment.exported import SERIES
from tests.deployment.loaded import Loaded, loaded_services, publish
from tests.deployment.prometheus import Prometheus, scraping, wait_until

DEADLINE_SECONDS = 60

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("prometheus") is None, reason="prometheus is not installed"),
]


class Operator:
    """One who looks at the boards, and at what the services' callers are told."""

    def __init__(self, loaded: Loaded, prometheus: Prometheus) -> None:
        self.loaded = loaded
        self.prometheus = prometheus
        self.since = time.time()

    def sees(self, expr: str, chosen: Mapping[str, str] = ALL) -> list[dict[str, Any]]:
        """Return the series of a query with numbers since the load began."""
        return self.prometheus.query(fill(expr, "5s", "60s", chosen), self.since)

    def waits_for(self, expr: str, chosen: Mapping[str, str], *labels: Mapping[str, str]) -> bool:
        """Load the services until a query has a series with each of these labels."""

        def has_all() -> bool:
            self.loaded.send()
            found = [series["metric"] for series in self.sees(expr, chosen)]
            return all(any(want.items() <= one.items() for one in found) for want in labels)

        return wait_until(has_all, DEADLINE_SECONDS)


@pytest.fixture(scope="module")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    folder = tmp_path_factory.mktemp("prometheus")
    with (
        loaded_services(tmp_path_factory.mktemp("services")) as loaded,
        scraping(*loaded.addresses, folder=folder) as prometheus,
    ):
        operator = Operator(loaded, prometheus)
        publish(loaded.store, "sentiment", 3, damaged=True)
        loaded.servers[0].wait_for_log("version refused.*version=3")
        yield operator


def exprs(board: str, title: str) -> list[str]:
    """Return the queries of a panel."""
    (panel,) = [panel for panel in panels(BOARDS[board]) if panel["title"] == title]
    return [target["expr"] for target in panel["targets"]]


def test_every_query_of_panels_annotations_and_variables_returns_data(operator: Operator) -> None:
    missing = {a.where: a.expr for a in QUERIES if not any(part in a.expr for part in EMPTY)}

    def none_is_missing() -> bool:
        operator.loaded.send()
        for where in [where for where, expr in missing.items() if operator.sees(expr)]:
            del missing[where]
        return not missing

    wait_until(none_is_missing, DEADLINE_SECONDS)
    assert missing == {}


def test_nothing_is_exported_that_the_boards_do_not_know(operator: Operator) -> None:
    for server in operator.loaded.servers:
        with server.client() as client:
            families = text_string_to_metric_families(client.get("/metrics").text)
        assert {sample.name for family in families for sample in family.samples} <= set(SERIES)


def test_a_chosen_model_and_version_hide_no_refusal(operator: Operator) -> None:
    (expr,) = exprs("service", "Requests by status")
    chosen = {"model": "sentiment", "version": "2"}
    refusals = [{"status": status} for status in ("401", "404", "422", "503")]
    assert operator.waits_for(expr, chosen, {"status": "200"}, *refusals)


def test_times_of_answers_have_no_refusal_in_them(operator: Operator) -> None:
    (answers, *_), (refusals,) = (
        exprs("service", title) for title in ("Latency of answers", "Time to refuse, p95")
    )
    # This one refuses whatever comes.
    chosen = {"instance": operator.loaded.addresses[2]}
    assert operator.waits_for(refusals, chosen, {"status_class": "5xx"})
    assert operator.sees(answers, chosen) == []


def test_two_of_three_are_not_called_ready(operator: Operator) -> None:
    (expr,) = exprs("service", "Ready")
    assert operator.waits_for(expr, ALL, {"ready": "2", "of": "3"})
    assert operator.prometheus.values(fill(expr, "5s", "60s")) == [pytest.approx(2 / 3)]
    ready = {"instance": operator.loaded.addresses[0]}
    assert operator.prometheus.values(fill(expr, "5s", "60s", ready)) == [1]


def test_a_refused_version_is_in_the_table_of_versions(operator: Operator) -> None:
    (expr,) = exprs("service", "Versions, and what is wrong with them")
    serves = {"model": "sentiment", "version": "2", "state": "serves"}
    refused = {"state": "refused: the wanted version does not pass its checks"}
    assert operator.waits_for(expr, ALL, serves, {"model": "sentiment"} | refused)


def test_what_fires_is_in_the_table_of_alerts(operator: Operator) -> None:
    (expr,) = exprs("service", "Alerts that fire")
    reload_failed = {
        "alertname": "ClassmarkReloadFailed",
        "model": "sentiment",
        "severity": "warning",
    }
    assert operator.waits_for(expr, ALL, reload_failed)
