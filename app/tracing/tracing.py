"""Decides which requests of this process are traced, and traces its batches."""

import logging
from collections.abc import Mapping
from functools import partial

from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import SpanKind, get_current_span
from starlette.types import ASGIApp

from app.api.inference.direct import DirectRequest
from app.api.inference.exchange import Connection
from app.api.inference.routes import Target
from app.background import in_thread
from app.engine.batching.executors import CompletedBatch
from app.service import Service
from app.tracing.context import pack_place, read_parent
from app.tracing.middleware import TraceMiddleware
from app.tracing.request_trace import RequestTrace
from app.tracing.spans import Attributes, SpanMaker
from app.tracing.traced_request import TracedRequest

logger = logging.getLogger(__name__)

# How long the end of the process waits for a collector that does not take its spans.
LAST_SPANS_SECONDS = 3.0


class Tracing:
    """What traces in one process.

    Args:
        processor: takes spans that have ended, on any thread.
    """

    def __init__(self, processor: SpanProcessor) -> None:
        self._processor = processor
        self._spans = SpanMaker(processor)
        # It reads the sampler from the environment; spans are made without it.
        self._sampler = TracerProvider(shutdown_on_exit=False).sampler

    def begin(self, method: str, headers: Mapping[bytes, bytes]) -> RequestTrace | None:
        """Return the trace of a request that begins, if it is sampled.

        Args:
            headers: by name in small letters.
        """
        caller = read_parent(headers.get(b"traceparent"), headers.get(b"tracestate"))
        parent = None if caller is None else get_current_span(caller).get_span_context()
        trace_id = self._spans.new_trace_id() if parent is None else parent.trace_id
        result = self._sampler.should_sample(caller, trace_id, method, SpanKind.SERVER)
        if result.decision is not Decision.RECORD_AND_SAMPLE:
            return None
        context = self._spans.new_context(trace_id, result.trace_state)
        return RequestTrace(self._spans, method, context, parent)

    def make_request(
        self,
        service: Service,
        connection: Connection,
        target: Target,
        headers: Mapping[bytes, bytes],
        **flags: bool,
    ) -> DirectRequest:
        """Make an inference request, a TracedRequest if it is sampled."""
        trace = self.begin("POST", headers)
        make = DirectRequest if trace is None else partial(TracedRequest, trace)
        return make(service, connection, target, headers, **flags)

    def observe(self, app: ASGIApp) -> ASGIApp:
        """Return an application whose requests are traced where their callers want it."""
        return TraceMiddleware(app, self.begin)

    def trace_batch(self, completed: CompletedBatch) -> None:
        """Export the span of a batch that ran traced requests, and tell its entries where it is."""
        batch = completed.batch
        traced = [entry for entry in batch.entries if entry.trace]
        if not traced:
            return
        context = self._spans.new_context(self._spans.new_trace_id())
        place = pack_place(context)
        for entry in traced:
            entry.batch_trace = place
        (model, version), real = batch.servable.metric_labels, batch.real_tokens
        attributes: Attributes = {
            "classmark.model": model,
            "classmark.version": version,
            "classmark.entries": len(batch.entries),
            "classmark.tokens": real,
            "classmark.padding_tokens": batch.padded_tokens - real,
        }
        self._spans.add(
            "batch",
            context,
            None,
            (batch.sealed_at, batch.sealed_at + completed.seconds),
            attributes,
            places=dict.fromkeys([entry.trace for entry in traced]),
            failed=completed.failed,
        )

    async def close(self) -> None:
        """Export what has ended, if the collector takes it in time."""
        try:
            await in_thread(
                self._processor.shutdown, LAST_SPANS_SECONDS, "exporting the last spans"
            )
        except TimeoutError as exc:
            logger.warning("the last spans are lost", extra={"reason": str(exc)})
