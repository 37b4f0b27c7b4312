"""OpenTelemetry's sampler decides, and a caller's decision counts where the sampler says so."""

import pytest
from opentelemetry.sdk.trace import SpanProcessor

from app.tracing.tracing import Tracing

SAMPLED = {b"traceparent": b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
NOT_SAMPLED = {b"traceparent": SAMPLED[b"traceparent"][:-2] + b"00"}


@pytest.mark.parametrize(
    ("sampler", "argument", "alone", "sampled", "not_sampled"),
    [
        (None, None, True, True, False),
        ("always_off", None, False, False, False),
        ("always_on", None, True, True, True),
        ("parentbased_traceidratio", "0.0", False, True, False),
        ("parentbased_traceidratio", "1.0", True, True, False),
    ],
)
def test_the_environment_says_who_is_traced(
    monkeypatch: pytest.MonkeyPatch,
    sampler: str | None,
    argument: str | None,
    alone: bool,
    sampled: bool,
    not_sampled: bool,
) -> None:
    for name, value in (("SAMPLER", sampler), ("SAMPLER_ARG", argument)):
        if value is not None:
            monkeypatch.setenv(f"OTEL_TRACES_{name}", value)
    tracing = Tracing(SpanProcessor())
    found = [tracing.begin("POST", headers) for headers in ({}, SAMPLED, NOT_SAMPLED)]
    assert [trace is not None for trace in found] == [alone, sampled, not_sampled]
