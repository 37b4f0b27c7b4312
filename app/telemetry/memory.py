"""Exports the memory that this process and its neighbours in the container may still take."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from app.memory import read_memory

LIMIT = "classmark_memory_limit_bytes"
AVAILABLE = "classmark_memory_available_bytes"


class MemoryCollector(Collector):
    """Reads the system's memory whenever metrics are collected, where the system tells.

    Every process of a container reads the same: of several workers one counts, not the sum.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        registry.register(self)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        memory = read_memory()
        if memory is None:
            return
        meaning = "Memory of the container, or of the machine where the container has no limit."
        yield GaugeMetricFamily(LIMIT, meaning, value=memory.limit or memory.total)
        meaning = "What may still be taken of it; what the kernel keeps of files counts as free."
        yield GaugeMetricFamily(AVAILABLE, meaning, value=memory.available)
