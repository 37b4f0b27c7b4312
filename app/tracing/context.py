"""Reads and writes where a request or a batch is in a trace: headers, and bytes for the engine."""

from opentelemetry.context import Context
from opentelemetry.trace import SpanContext, TraceFlags
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

RESPONSE_HEADER = b"traceresponse"
SAMPLED = TraceFlags(TraceFlags.SAMPLED)
_TRACE_ID_BYTES, _SPAN_ID_BYTES = 16, 8
_PROPAGATOR = TraceContextTextMapPropagator()


def read_parent(traceparent: bytes | None, tracestate: bytes | None) -> Context | None:
    """Return what the caller says of its trace; None if it says nothing that can be read."""
    if traceparent is None:
        return None
    carrier = {"traceparent": traceparent.decode("latin-1")}
    if tracestate is not None:
        carrier["tracestate"] = tracestate.decode("latin-1")
    return _PROPAGATOR.extract(carrier) or None


def write_response(context: SpanContext) -> bytes:
    """Return the value of the header that tells a caller its place in the trace."""
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}".encode()


def pack_place(context: SpanContext) -> bytes:
    """Return a sampled place in a trace as the engine passes it on."""
    return context.trace_id.to_bytes(_TRACE_ID_BYTES) + context.span_id.to_bytes(_SPAN_ID_BYTES)


def read_place(place: bytes) -> SpanContext:
    """Read what `pack_place` made."""
    trace_id, span_id = place[:_TRACE_ID_BYTES], place[_TRACE_ID_BYTES:]
    return SpanContext(int.from_bytes(trace_id), int.from_bytes(span_id), True, SAMPLED)
