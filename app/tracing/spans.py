"""Makes spans from times on the monotonic clock, and hands them to what exports them."""

import os
import time
from collections.abc import Iterable, Mapping, Sequence

from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceState
from opentelemetry.util.types import AnyValue

from app import __version__
from app.tracing.context import SAMPLED, read_place

Attributes = Mapping[str, str | int | bool]

# As many as OpenTelemetry's own limit.
MOST_LINKS = 128
# Nanoseconds: a longer read of both clocks says nothing; clocks that part by more were set.
READ_AT_ONCE, TIME_WAS_SET = 100_000, 2_000_000
FAILED, UNSET = Status(StatusCode.ERROR), Status(StatusCode.UNSET)


class SpanMaker:
    """Makes spans that have ended: by the tracer's own way, one costs six times as much."""

    def __init__(self, processor: SpanProcessor) -> None:
        self._processor = processor
        self._clock = UnixClock()
        self._ids = RandomIdGenerator()
        self._scope = InstrumentationScope("classmark", __version__)
        own: dict[str, AnyValue] = {
            "service.name": "classmark",
            "service.version": __version__,
            "process.pid": os.getpid(),
        }
        # What the environment says counts more than what is said here.
        self._resource = Resource.create(own).merge(OTELResourceDetector().detect())

    def new_trace_id(self) -> int:
        return self._ids.generate_trace_id()

    def new_context(self, trace_id: int, state: TraceState | None = None) -> SpanContext:
        """Return the place of a new span in a trace."""
        return SpanContext(trace_id, self._ids.generate_span_id(), False, SAMPLED, state)

    def add(
        self,
        name: str,
        context: SpanContext,
        parent: SpanContext | None,
        times: tuple[float, float],
        attributes: Attributes,
        *,
        places: Iterable[bytes] = (),
        kind: SpanKind = SpanKind.INTERNAL,
        failed: bool = False,
    ) -> None:
        """Export a span.

        Args:
            times: its start and its end, in seconds of the monotonic clock.
            places: what it links to.
        """
        start, end = map(self._clock.nanoseconds, times)
        span = ReadableSpan(
            name, context, parent, self._resource, attributes, (), make_links(places), kind,
            None, FAILED if failed else UNSET, start, end, self._scope,
        )  # fmt: skip
        self._processor.on_end(span)


def make_links(places: Iterable[bytes]) -> Sequence[Link]:
    """Return links to these places, to the first of many."""
    return [Link(read_place(place)) for place, _ in zip(places, range(MOST_LINKS), strict=False)]


class UnixClock:
    """Tells Unix time of moments of the monotonic clock; goes along when the time is set."""

    def __init__(self) -> None:
        self._ahead = time.time_ns() - time.monotonic_ns()

    def nanoseconds(self, moment: float) -> int:
        before, now, after = time.monotonic_ns(), time.time_ns(), time.monotonic_ns()
        if abs(now - before - self._ahead) > TIME_WAS_SET and after - before < READ_AT_ONCE:
            self._ahead = now - before
        return self._ahead + int(moment * 1e9)
