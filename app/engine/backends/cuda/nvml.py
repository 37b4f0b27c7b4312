"""Exports the state of the machine's GPUs as metrics, where NVIDIA's management library is found.

The metrics cover every GPU that this process sees, not only the one that runs the models.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

logger = logging.getLogger(__name__)

# Name, meaning, and the function that reads it, given the library and a GPU's handle.
METRICS: tuple[tuple[str, str, Callable[[Any, Any], float]], ...] = (
    (
        "classmark_gpu_utilization_ratio",
        "Share of the last second or so in which the GPU ran anything.",
        lambda nvml, gpu: nvml.nvmlDeviceGetUtilizationRates(gpu).gpu / 100,
    ),
    (
        "classmark_gpu_memory_used_bytes",
        "Memory of the GPU in use, by any process.",
        lambda nvml, gpu: nvml.nvmlDeviceGetMemoryInfo(gpu).used,
    ),
    (
        "classmark_gpu_memory_total_bytes",
        "Memory of the GPU.",
        lambda nvml, gpu: nvml.nvmlDeviceGetMemoryInfo(gpu).total,
    ),
    (
        "classmark_gpu_temperature_celsius",
        "Temperature of the GPU.",
        lambda nvml, gpu: nvml.nvmlDeviceGetTemperature(gpu, nvml.NVML_TEMPERATURE_GPU),
    ),
)


class GpuCollector(Collector):
    """Reads every GPU whenever metrics are collected.

    Args:
        nvml: the module `pynvml`, initialised.
    """

    def __init__(self, nvml: Any) -> None:
        self._nvml = nvml
        count = nvml.nvmlDeviceGetCount()
        self._gpus = {str(i): nvml.nvmlDeviceGetHandleByIndex(i) for i in range(count)}

    def collect(self) -> Iterator[GaugeMetricFamily]:
        for name, meaning, read in METRICS:
            family = GaugeMetricFamily(name, meaning, labels=["gpu"])
            for number, gpu in self._gpus.items():
                # Not every GPU reports everything: a slice of one has no utilization.
                with suppress(self._nvml.NVMLError):
                    family.add_metric([number], read(self._nvml, gpu))
            yield family


def observe_gpus(registry: CollectorRegistry) -> None:
    """Export the GPUs' metrics, or log why there are none."""
    try:
        import pynvml
    except ImportError:
        reason = "the package nvidia-ml-py is missing; install the extra serve-gpu"
        logger.warning("no GPU metrics", extra={"reason": reason})
        return
    try:
        pynvml.nvmlInit()
        registry.register(GpuCollector(pynvml))
    except pynvml.NVMLError as exc:
        logger.warning("no GPU metrics", extra={"reason": str(exc)})
