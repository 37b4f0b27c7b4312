"""A collector that is away or hangs costs the service nothing; one that is there gets all."""

import re
from functools import partial
from pathlib import Path

import pytest

from tests.deployment.prometheus import wait_until
from tests.support.collector import SERVER, collecting, environment
from tests.support.server import Server, serving

BODY = {"model": "mood", "inputs": "a good film"}
NEVER = "3600000"
MANY = 300


def ask(server: Server, times: int) -> None:
    with server.client() as client:
        for _ in range(times):
            answer = client.post("/v1/classify", json=BODY)
            assert answer.status_code == 200
            assert "traceresponse" in answer.headers


def count(server: Server, outcome: str) -> float:
    with server.client() as client:
        text = client.get("/metrics").text
    found = re.search(rf'classmark_spans_total{{outcome="{outcome}"}} (\S+)', text)
    assert found is not None
    return float(found[1])


def fails_after(server: Server, before: float) -> bool:
    return count(server, "failed") > before


@pytest.mark.parametrize("workers", [1, 2])
def test_what_has_ended_is_exported_before_the_process_ends(tiny_store: Path, workers: int) -> None:
    with (
        collecting() as (collector, address),
        environment(address, OTEL_BSP_SCHEDULE_DELAY=NEVER),
        serving(tiny_store, workers=workers, drain_seconds=0) as server,
    ):
        ask(server, 3)
        assert server.terminate() == 0
    assert len([span for span in collector.spans if span.kind == SERVER]) == 3
    assert len([span for span in collector.spans if span.name == "batch"]) == 3


@pytest.mark.parametrize("workers", [1, 2])
def test_a_collector_that_hangs_holds_up_neither_requests_nor_the_end(
    tiny_store: Path, workers: int
) -> None:
    with (
        collecting() as (collector, address),
        environment(address, OTEL_BSP_MAX_QUEUE_SIZE="100", OTEL_BSP_MAX_EXPORT_BATCH_SIZE="50"),
        serving(tiny_store, workers=workers, drain_seconds=0) as server,
    ):
        collector.answers.clear()
        ask(server, 1)
        assert collector.asked.wait(30)
        ask(server, MANY)
        assert server.terminate() == 0
        server.wait_for_log("the last spans are lost")
        assert len([line for line in server.log if "spans are dropped" in line]) == workers


def test_a_collector_that_is_down_is_complained_of_once_and_spans_are_counted(
    tiny_store: Path,
) -> None:
    with collecting() as (_, address):
        pass
    with (
        environment(address, OTEL_EXPORTER_OTLP_TIMEOUT="1"),
        serving(tiny_store, drain_seconds=0) as server,
    ):
        for _ in range(3):
            before = count(server, "failed")
            ask(server, 1)
            assert wait_until(partial(fails_after, server, before), 30)
        assert count(server, "exported") == 0
        assert server.terminate() == 0
    assert len([line for line in server.log if "Failed to export" in line]) == 1


def test_where_nothing_asks_for_traces_there_is_no_sign_of_them(server: Server) -> None:
    with server.client() as client:
        given = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
        answer = client.post("/v1/classify", json=BODY, headers=given)
        assert answer.status_code == 200
        assert "traceresponse" not in answer.headers
        assert "classmark_spans" not in client.get("/metrics").text
        refused = client.post("/v1/classify", json={}, headers=given)
        assert "trace_id" not in refused.json()
