"""What Prometheus scrapes leads from a slow bucket to a trace that is there."""

from pathlib import Path

import pytest

from tests.deployment import prometheus
from tests.support.collector import collecting, environment
from tests.support.server import serving

OPENMETRICS = {"Accept": "application/openmetrics-text; version=1.0.0"}


@pytest.mark.parametrize("workers", [1, 2])
def test_prometheus_finds_the_trace_of_a_request(
    tiny_store: Path, tmp_path: Path, workers: int
) -> None:
    with (
        collecting() as (collector, address),
        environment(address),
        serving(tiny_store, workers=workers, drain_seconds=0) as server,
        server.client() as client,
    ):
        body = {"model": "mood", "inputs": "a good film"}
        answer = client.post("/v1/classify", json=body)
        trace = answer.headers["traceresponse"].split("-")[1]
        metrics = client.get("/metrics", headers=OPENMETRICS)
        assert metrics.headers["content-type"].startswith("application/openmetrics-text")
        assert f'# {{trace_id="{trace}"}}' in metrics.text
        assert "trace_id" not in client.get("/metrics").text
        config = {
            "global": {"scrape_interval": "1s"},
            "scrape_configs": [
                {
                    "job_name": "classmark",
                    "static_configs": [{"targets": [server.url.removeprefix("http://")]}],
                }
            ],
        }
        feature = "--enable-feature=exemplar-storage"
        with prometheus.running(config, tmp_path, feature) as running:
            found: set[str] = set()

            def finds() -> bool:
                found.update(running.exemplars("classmark_request_seconds_bucket"))
                return trace in found

            assert prometheus.wait_until(finds, 30), found
        collector.trace(trace)
