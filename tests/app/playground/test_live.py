"""Load and latency: read as Prometheus reads them, and only while somebody looks."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page
from prometheus_client.parser import text_string_to_metric_families

from tests.app.playground.page import Visit
from tests.support.server import Server

READ = """async text => {
  const { parse } = await import("./playground/lib/prometheus.js");
  return parse(text).map(({ name, labels, value }) => [name, labels, value]);
}"""
QUANTILES = """async buckets => {
  const { quantile } = await import("./playground/lib/prometheus.js");
  const known = buckets.map(([bound, count]) => [bound ?? Infinity, count]);
  return [0.5, 0.95, 1].map(share => quantile(share, known));
}"""
HIDE = "() => Object.defineProperty(document, 'hidden', { value: true, configurable: true })"
SHOW = "() => { delete document.hidden; document.dispatchEvent(new Event('visibilitychange')); }"
HOSTILE = r"""x{a="}",b="\\",c="say \"hi\" # {",d="two\nlines",le="+Inf"} 1e-3"""


@pytest.fixture
def page(server: Server, visit: Visit) -> Page:
    return visit(server.url)


def samples(text: str) -> Iterator[list[Any]]:
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            yield [sample.name, sample.labels, sample.value]


def test_the_metrics_are_read_as_prometheus_reads_them(server: Server, page: Page) -> None:
    with server.client() as client:
        text = client.get("/metrics").text
    assert page.evaluate(READ, text) == list(samples(text))
    assert page.evaluate(READ, HOSTILE) == list(samples(HOSTILE + "\n"))


def test_quantiles_are_estimated_inside_their_bucket(page: Page) -> None:
    buckets = [[0.1, 10], [0.2, 60], [0.4, 100], [None, 100]]
    assert page.evaluate(QUANTILES, buckets) == pytest.approx([0.18, 0.375, 0.4])
    assert page.evaluate(QUANTILES, [[0.1, 0], [None, 2]]) == pytest.approx([0.1, 0.1, 0.1])
    assert page.evaluate(QUANTILES, [[0.1, 0], [None, 0]]) == [None, None, None]


def test_the_load_is_asked_for_only_while_somebody_looks(server: Server, visit: Visit) -> None:
    asked: list[str] = []

    def watch(page: Page) -> None:
        page.clock.install()
        page.on("request", lambda request: asked.append(request.url))

    page = visit(server.url, watch)
    page.locator(".meter").first.wait_for()
    with page.expect_response("**/metrics"):
        page.clock.run_for(3_000)
    page.evaluate(HIDE)
    before = len(asked)
    page.clock.run_for(30_000)
    assert len(asked) == before
    with page.expect_response("**/metrics"):
        page.evaluate(SHOW)
