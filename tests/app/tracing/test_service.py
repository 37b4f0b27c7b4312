"""A service, in one process and in several, exports what its requests did, and no word of them."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from tests.deployment.prometheus import wait_until
from tests.support.collector import SERVER, Collector, Received, collecting, environment
from tests.support.server import KEY, Server, key_line, serving

STAGES = ["validate", "encode", "queue", "run", "decode"]
TEXT = "nobody may find this sentence anywhere"
LONG = "a good film and a bad plot " * 60
# Nanoseconds by which two processes may differ over what time it is.
CLOCKS_APART = 5_000_000
MALFORMED = (
    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
    "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
    "00-00000000000000000000000000000000-b7ad6b7169203331-01",
    "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
    "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
    "x" * 1000,
    "",
)


class Traced(NamedTuple):
    """A service, and where its spans go."""

    server: Server
    collector: Collector
    client: httpx.Client

    def ask(
        self, body: object, path: str = "/v1/classify", **headers: str
    ) -> tuple[httpx.Response, str]:
        """Return an answer, and the trace that it names."""
        answer = self.client.post(path, json=body, headers=headers)
        return answer, answer.headers.get("traceresponse", "--").split("-")[1]


@pytest.fixture(scope="module", params=[1, 2])
def traced(
    request: pytest.FixtureRequest, tiny_store: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Traced]:
    keys = tmp_path_factory.mktemp("keys") / "keys"
    keys.write_text(key_line("app", "predict", KEY))
    settings = {"api_keys_file": keys, "workers": request.param, "drain_seconds": 0}
    settings |= {"log_level": "debug", "log_format": "json"}
    with (
        collecting() as (collector, address),
        environment(address, OTEL_RESOURCE_ATTRIBUTES="deployment.environment.name=test"),
        serving(tiny_store, **settings) as server,
        server.client(headers={"Authorization": f"Bearer {KEY}"}) as client,
    ):
        yield Traced(server, collector, client)
        sent = b"".join(collector.bodies)
        assert TEXT.split()[-2].encode() not in sent
        assert KEY.encode() not in sent


def test_a_request_is_a_span_and_its_stages_are_its_children(traced: Traced) -> None:
    answer, trace = traced.ask({"model": "mood", "inputs": TEXT})
    assert answer.status_code == 200
    root, children = traced.collector.trace(trace)
    assert (root.name, root.parent, root.failed) == ("POST /v1/classify", "", False)
    assert root.attributes == {
        "http.request.method": "POST",
        "http.response.status_code": 200,
        "http.route": "/v1/classify",
        "url.scheme": "http",
        "classmark.model": "mood",
        "classmark.version": "2",
        "classmark.request_id": answer.headers["x-request-id"],
    }
    assert root.resource["service.name"] == "classmark"
    assert root.resource["deployment.environment.name"] == "test"
    assert [child.name for child in children] == STAGES
    assert all(root.holds(child) for child in children)
    assert sum(child.end - child.start for child in children) <= root.end - root.start
    for one, next_one in zip(children, children[1:], strict=False):
        assert one.end <= next_one.start + 1000  # both are rounded


def test_a_batch_is_a_span_of_its_own_and_both_link_to_each_other(traced: Traced) -> None:
    _, trace = traced.ask({"model": "mood", "inputs": TEXT})
    root, children = traced.collector.trace(trace)
    run = next(child for child in children if child.name == "run")
    (batch_place,) = run.links
    (batch,) = traced.collector.wait_for(lambda span: (span.trace, span.id) == batch_place)
    assert (batch.name, batch.parent, batch.links) == ("batch", "", ((root.trace, root.id),))
    assert batch.trace != root.trace
    assert run.start - CLOCKS_APART <= batch.start <= batch.end <= run.end + CLOCKS_APART
    assert batch.attributes["classmark.model"] == "mood"
    assert batch.attributes["classmark.version"] == "2"
    assert batch.attributes["classmark.entries"] == 1
    assert batch.attributes["classmark.tokens"] == run.attributes["classmark.tokens"]


def test_a_batch_that_requests_share_links_to_each(traced: Traced) -> None:
    def shared(span: Received) -> bool:
        return span.name == "batch" and len(span.links) > 1

    def ask(_: int) -> str:
        return traced.ask({"model": "mood", "inputs": [TEXT] * 20})[1]

    with ThreadPoolExecutor(8) as pool:
        traces = list(pool.map(ask, range(200)))
    for trace in traces:
        traced.collector.trace(trace)
    batch = traced.collector.wait_for(shared)[0]
    for trace, span in batch.links:
        root, children = traced.collector.trace(trace)
        assert root.id == span
        run = next(child for child in children if child.name == "run")
        assert (batch.trace, batch.id) in run.links


def test_no_span_is_exported_twice(traced: Traced) -> None:
    _, trace = traced.ask({"model": "mood", "inputs": TEXT})
    traced.collector.trace(trace)
    places = [(span.trace, span.id) for span in traced.collector.spans]
    assert len(set(places)) == len(places)


def test_windows_of_a_text_are_one_run_and_link_to_every_batch_they_ran_in(traced: Traced) -> None:
    body = {"model": "mood", "inputs": LONG, "long_text": "window"}
    _, trace = traced.ask(body)
    root, children = traced.collector.trace(trace)
    run = next(child for child in children if child.name == "run")
    assert [child.name for child in children] == STAGES
    assert run.attributes["classmark.windows"] > 1
    batches = traced.collector.wait_for(
        lambda span: span.name == "batch" and (root.trace, root.id) in span.links, len(run.links)
    )
    assert {(batch.trace, batch.id) for batch in batches} == set(run.links)
    assert sum(b.attributes["classmark.entries"] for b in batches) >= len(run.links)


def test_a_caller_s_trace_goes_on_here_and_comes_back(traced: Traced) -> None:
    trace, span = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    given = {"traceparent": f"00-{trace}-{span}-01", "tracestate": "vendor=opaque"}
    answer, _ = traced.ask({"model": "mood", "inputs": TEXT}, **given)
    root, children = traced.collector.trace(trace)
    assert (root.parent, root.state) == (span, "vendor=opaque")
    assert {child.state for child in children} == {"vendor=opaque"}
    assert answer.headers["traceresponse"] == f"00-{trace}-{root.id}-01"


def test_what_the_caller_does_not_sample_is_not_traced(traced: Traced) -> None:
    trace = "1af7651916cd43dd8448eb211c80319c"
    given = {"traceparent": f"00-{trace}-b7ad6b7169203331-00"}
    answer, _ = traced.ask({"model": "mood", "inputs": TEXT}, **given)
    assert answer.status_code == 200
    assert "traceresponse" not in answer.headers
    _, later = traced.ask({"model": "mood", "inputs": TEXT})
    traced.collector.trace(later)
    assert trace not in {span.trace for span in traced.collector.spans}


@pytest.mark.parametrize("traceparent", MALFORMED)
def test_a_context_that_makes_no_sense_is_ignored(traced: Traced, traceparent: str) -> None:
    given = {"traceparent": traceparent, "tracestate": "= ,,,=;x"}
    answer, trace = traced.ask({"model": "mood", "inputs": TEXT}, **given)
    assert answer.status_code == 200
    assert traced.collector.trace(trace)[0].parent == ""


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        ({"model": "none", "inputs": TEXT}, {}, 404),
        ({"model": "mood", "inputs": 7}, {}, 422),
        ({"model": "mood", "inputs": TEXT}, {"Authorization": "Bearer wrong"}, 401),
        ({"model": "mood", "inputs": TEXT}, {"X-Request-Timeout-Seconds": "1e-9"}, 504),
    ],
)
def test_an_error_names_its_trace_in_answer_and_log(
    traced: Traced, body: object, headers: dict[str, str], status: int
) -> None:
    answer, trace = traced.ask(body, **headers)
    assert (answer.status_code, answer.json()["trace_id"]) == (status, trace)
    root, _ = traced.collector.trace(trace)
    assert root.attributes["http.response.status_code"] == status
    assert root.failed == (status >= 500)
    assert root.attributes.get("error.type") == (str(status) if status >= 500 else None)
    line = traced.server.wait_for_log(f'"trace_id": "{trace}"')
    assert answer.json()["request_id"] in line


def test_a_line_of_the_log_has_trace_model_and_stages_and_no_text(traced: Traced) -> None:
    _, trace = traced.ask({"model": "mood", "inputs": TEXT})
    line = traced.server.wait_for_log(f'"trace_id": "{trace}"')
    assert re.search(r'"model": "mood", "version": "2", "key": "app", "status": 200', line)
    for stage in STAGES[1:]:
        assert f'"{stage}_seconds": ' in line
    assert not [line for line in traced.server.log if TEXT in line]


def test_other_apis_are_traced_too(traced: Traced) -> None:
    _, trace = traced.ask({"inputs": TEXT}, "/predict")
    root, children = traced.collector.trace(trace)
    assert root.attributes["http.route"] == "/predict"
    assert [child.name for child in children] == STAGES


def test_a_request_to_several_models_has_a_queue_and_a_run_of_each(traced: Traced) -> None:
    _, trace = traced.ask({"models": ["mood", "names"], "inputs": TEXT}, "/v1/analyze")
    root, children = traced.collector.trace(trace)
    names = [child.name for child in children]
    assert sorted(names) == sorted([*STAGES, "queue", "run"])
    runs = [child for child in children if child.name == "run"]
    assert {run.attributes["classmark.model"] for run in runs} == {"mood", "names"}
    for run in runs:
        (place,) = run.links
        (batch,) = traced.collector.wait_for(lambda span, p=place: (span.trace, span.id) == p)
        assert batch.links == ((root.trace, root.id),)
        assert batch.attributes["classmark.model"] == run.attributes["classmark.model"]


def test_what_is_no_inference_is_traced_only_for_a_caller_that_traces(traced: Traced) -> None:
    assert "traceresponse" not in traced.client.get("/v1/models").headers
    trace = "2af7651916cd43dd8448eb211c80319c"
    given = {"traceparent": f"00-{trace}-b7ad6b7169203331-01"}
    answer = traced.client.get("/v1/models/none", headers=given)
    assert answer.json()["trace_id"] == trace
    root, children = traced.collector.trace(trace)
    assert (root.name, root.kind, children) == ("GET /v1/models/{name}", SERVER, [])


def test_spans_are_counted(traced: Traced) -> None:
    _, trace = traced.ask({"model": "mood", "inputs": TEXT})
    traced.collector.trace(trace)

    def count(outcome: str) -> float:
        text = traced.client.get("/metrics").text
        found = re.search(rf'classmark_spans_total{{outcome="{outcome}"}} (\S+)', text)
        assert found is not None
        return float(found[1])

    came = len(traced.collector.spans)
    assert count("failed") == count("dropped") == 0
    assert wait_until(lambda: count("exported") >= came, 30)
