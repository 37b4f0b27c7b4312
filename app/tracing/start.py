"""Starts tracing in a process where OpenTelemetry's environment variables ask for it."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from app.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from app.tracing.tracing import Tracing

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
SPOKEN = "http/protobuf"
NOT_INSTALLED = (
    "traces are asked for by {asker}, and what exports them is not installed: install the extra "
    "with pip install 'classmark[otel]', or set OTEL_TRACES_EXPORTER=none"
)


def start_tracing(metrics: Metrics) -> "Tracing | None":
    """Start what traces in this process; None where the environment does not ask for it.

    Raises:
        ValueError: it asks for what is not here.
    """
    asker = find_asker(os.environ)
    if asker is None:
        return None
    try:
        from app.tracing.exporter import make_processor
        from app.tracing.tracing import Tracing
    except ModuleNotFoundError as exc:
        if not (exc.name or "").startswith("opentelemetry"):
            raise
        raise ValueError(NOT_INSTALLED.format(asker=asker)) from None
    return Tracing(make_processor(metrics.registry))


async def stop_tracing(tracing: "Tracing | None") -> None:
    """Export what has ended, if anything is traced."""
    if tracing is not None:
        await tracing.close()


def find_asker(environment: Mapping[str, str]) -> str | None:
    """Return the variable that asks for traces, as `NAME=value`; None if none does.

    Raises:
        ValueError: it asks for an exporter or a protocol that is not spoken here.
    """
    exporter = _first(environment, "OTEL_TRACES_EXPORTER")
    endpoint = _first(environment, *ENDPOINTS)
    disabled = environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    if disabled or exporter[1] == "none" or not (exporter[1] or endpoint[1]):
        return None
    if exporter[1] not in ("", "otlp"):
        raise ValueError("{}={}: there are otlp and none here".format(*exporter))
    if endpoint[1] and not endpoint[1].startswith(("http://", "https://")):
        raise ValueError("{}={} is no URL; write it as http://collector:4318".format(*endpoint))
    protocol = _first(environment, *PROTOCOLS)
    if protocol[1] not in ("", SPOKEN):
        raise ValueError(
            "{}={}: traces are sent by {} alone; set it so, and name the collector's port for "
            "that, which is mostly 4318".format(*protocol, SPOKEN)
        )
    return "=".join(endpoint if endpoint[1] else exporter)


def _first(environment: Mapping[str, str], *names: str) -> tuple[str, str]:
    """Return the first of these variables that says something, else the last with nothing."""
    for name in names:
        if value := environment.get(name, "").strip():
            return name, value
    return names[-1], ""
