"""An OpenTelemetry collector: takes OTLP over HTTP, and reads it with the real messages."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

WAIT_SECONDS = 30.0
SERVER = Span.SPAN_KIND_SERVER


@dataclass(frozen=True)
class Received:
    """A span as it came.

    Attributes:
        parent: its id; empty for the first of a trace.
        links: what it links to, as (trace, span).
        failed: its status is an error.
    """

    name: str
    trace: str
    id: str
    parent: str
    kind: int
    start: int
    end: int
    state: str
    failed: bool
    attributes: Mapping[str, Any]
    links: tuple[tuple[str, str], ...]
    resource: Mapping[str, Any]

    def holds(self, other: "Received") -> bool:
        """Whether another span lies within this one's time."""
        return self.start <= other.start <= other.end <= self.end


class Collector:
    """What has come: `bodies` as sent, `spans` in the order of their coming."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.spans: list[Received] = []
        self.asked = threading.Event()
        self.answers = threading.Event()  # where it is not set, who exports waits
        self.answers.set()
        self._changed = threading.Condition()

    def take(self, body: bytes) -> None:
        self.asked.set()
        self.answers.wait()
        with self._changed:
            self.bodies.append(body)
            self.spans += read_spans(body)
            self._changed.notify_all()

    def wait_for(self, wanted: Callable[[Received], bool], count: int = 1) -> list[Received]:
        """Wait until so many spans are as wanted, and return them."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._find(wanted)) >= count, WAIT_SECONDS)
            found = self._find(wanted)
        assert len(found) >= count, f"{len(found)} of {count}: {[one.name for one in self.spans]}"
        return found

    def _find(self, wanted: Callable[[Received], bool]) -> list[Received]:
        return [span for span in self.spans if wanted(span)]

    def trace(self, trace: str) -> tuple[Received, list[Received]]:
        """Wait for the request's span of a trace; return it, and its children in their order."""
        (root,) = self.wait_for(lambda span: span.trace == trace and span.kind == SERVER)
        children = self._find(lambda span: span.trace == trace and span.parent == root.id)
        return root, sorted(children, key=lambda span: span.start)


def read_spans(body: bytes) -> list[Received]:
    return [
        _received(span, _values(resource_spans.resource.attributes))
        for resource_spans in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope_spans in resource_spans.scope_spans
        for span in scope_spans.spans
    ]


def _received(span: Span, resource: Mapping[str, Any]) -> Received:
    return Received(
        span.name,
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        span.kind,
        span.start_time_unix_nano,
        span.end_time_unix_nano,
        span.trace_state,
        span.status.code == span.status.STATUS_CODE_ERROR,
        _values(span.attributes),
        tuple((link.trace_id.hex(), link.span_id.hex()) for link in span.links),
        resource,
    )


def _values(pairs: Any) -> dict[str, Any]:
    def value(pair: KeyValue) -> Any:
        kind = pair.value.WhichOneof("value")
        return kind and getattr(pair.value, kind)

    return {pair.key: value(pair) for pair in pairs}


@contextmanager
def collecting() -> Iterator[tuple[Collector, str]]:
    """Run a collector until the block ends; gives its address too."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/traces"
            collector.take(self.rfile.read(int(self.headers["content-length"])))
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield collector, f"http://127.0.0.1:{server.server_port}"
    finally:
        collector.answers.set()
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def environment(endpoint: str, **variables: str) -> Iterator[None]:
    """Let services that start in the block export there, soon after each span's end."""
    asked = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_BSP_SCHEDULE_DELAY": "20"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (asked | {"NO_PROXY": "127.0.0.1"} | variables).items():
            patch.setenv(name, value)
        yield
