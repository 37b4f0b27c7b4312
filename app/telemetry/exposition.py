"""Writes metrics in the format that who reads them asks for: OpenMetrics has exemplars."""

from typing import Literal

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.openmetrics import exposition
from prometheus_client.registry import Collector

Format = Literal["text", "openmetrics"]

CONTENT_TYPES: dict[Format, str] = {
    "text": CONTENT_TYPE_LATEST,
    "openmetrics": exposition.CONTENT_TYPE_LATEST,
}


def accepted_format(accept: str) -> Format:
    """Return the format for a header Accept; Prometheus's own asks for OpenMetrics first."""
    return "openmetrics" if "application/openmetrics-text" in accept else "text"


def render(registry: Collector, wanted: Format) -> bytes:
    """Return every metric of a registry."""
    write = generate_latest if wanted == "text" else exposition.generate_latest
    return write(registry)
