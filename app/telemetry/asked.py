"""Defines a counter whose value is asked for at each scrape, as the library's gauges can be."""

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector


class AskedCounter(Collector):
    """One series without labels.

    Args:
        name: without the suffix `_total`.
    """

    def __init__(self, name: str, documentation: str, registry: CollectorRegistry) -> None:
        self._name = name
        self._documentation = documentation
        self._value: Callable[[], float] = float
        registry.register(self)

    def set_function(self, value: Callable[[], float]) -> None:
        """Ask this function from now on; what it returns never goes down."""
        self._value = value

    def collect(self) -> Iterator[CounterMetricFamily]:
        yield CounterMetricFamily(self._name, self._documentation, value=self._value())
