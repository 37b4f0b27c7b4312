"""GPU metrics, by a management library that is none."""

import logging
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from app.engine.backends.cuda.nvml import METRICS, observe_gpus


class NotSupported(Exception):
    pass


def refuse(*_: object) -> Any:
    raise NotSupported("not supported")


def make_nvml(**functions: Any) -> SimpleNamespace:
    """Two GPUs, of which the second is half as busy."""
    known = {
        "NVMLError": NotSupported,
        "NVML_TEMPERATURE_GPU": 0,
        "nvmlInit": lambda: None,
        "nvmlDeviceGetCount": lambda: 2,
        "nvmlDeviceGetHandleByIndex": lambda index: index,
        "nvmlDeviceGetUtilizationRates": lambda gpu: SimpleNamespace(gpu=80 // (gpu + 1)),
        "nvmlDeviceGetMemoryInfo": lambda gpu: SimpleNamespace(used=10 + gpu, total=100),
        "nvmlDeviceGetTemperature": lambda gpu, sensor: 50 + gpu,
    }
    return SimpleNamespace(**{**known, **functions})


def observe(monkeypatch: pytest.MonkeyPatch, nvml: object) -> CollectorRegistry:
    monkeypatch.setitem(sys.modules, "pynvml", nvml)  # type: ignore[arg-type]
    registry = CollectorRegistry()
    observe_gpus(registry)
    return registry


def test_every_gpu_tells_use_memory_and_temperature(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = observe(monkeypatch, make_nvml())
    values = {
        name: [registry.get_sample_value(name, {"gpu": gpu}) for gpu in "01"]
        for name, _, _ in METRICS
    }
    assert values == {
        "classmark_gpu_utilization_ratio": [0.8, 0.4],
        "classmark_gpu_memory_used_bytes": [10, 11],
        "classmark_gpu_memory_total_bytes": [100, 100],
        "classmark_gpu_temperature_celsius": [50, 51],
    }


def test_what_a_gpu_does_not_tell_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = observe(monkeypatch, make_nvml(nvmlDeviceGetUtilizationRates=refuse))
    labels = {"gpu": "0"}
    assert registry.get_sample_value("classmark_gpu_utilization_ratio", labels) is None
    assert registry.get_sample_value("classmark_gpu_temperature_celsius", labels) == 50


@pytest.mark.parametrize(
    ("nvml", "reason"), [(None, "serve-gpu"), (make_nvml(nvmlInit=refuse), "not supported")]
)
def test_without_the_library_or_a_driver_there_are_none_and_the_log_says_why(
    nvml: object, reason: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert list(observe(monkeypatch, nvml).collect()) == []
    (line,) = [r for r in caplog.records if r.levelno == logging.WARNING]
    assert reason in vars(line)["reason"]
