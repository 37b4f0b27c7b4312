"""The device: its name and versions, its ceiling of operations, and its used memory."""

import os
import time
from pathlib import Path
from typing import Any

import torch

from benchmarks.report.machine import describe_machine, version_of

PACKAGES = ("torch", "transformers", "onnx", "onnxruntime-gpu")
MATRIX = {"cuda": 8192, "cpu": 512}
PRODUCTS = {"cuda": 20, "cpu": 4}


def describe_device(device: str) -> dict[str, Any]:
    """Return machine, device and versions."""
    machine = describe_machine()
    machine["packages"] |= {name: found for name in PACKAGES if (found := version_of(name))}
    if device == "cuda":
        import pynvml

        pynvml.nvmlInit()
        properties = torch.cuda.get_device_properties(0)
        machine["gpu"] = {
            "name": properties.name,
            "memory_bytes": properties.total_memory,
            "driver": pynvml.nvmlSystemGetDriverVersion(),
            "cuda": torch.version.cuda,
        }
    return machine


def measure_ceiling(device: str) -> float:
    """Return the operations a second of one large matrix product, repeated: bf16, on a CPU fp32."""
    size, count = MATRIX[device], PRODUCTS[device]
    kind = torch.bfloat16 if device == "cuda" else torch.float32
    left, right = (torch.randn(size, size, device=device, dtype=kind) for _ in range(2))
    for measured in (3, count):  # the first ones warm up
        started = time.perf_counter()
        for _ in range(measured):
            product = left @ right
        float(product[0, 0])  # waits for the device
    return 2.0 * size**3 * count / (time.perf_counter() - started)


def memory_taken(device: str) -> int:
    """Return the bytes of device memory that all processes hold together; 0 on a CPU."""
    if device != "cuda":
        return 0
    free, total = torch.cuda.mem_get_info()
    return total - free


def library_path() -> str:
    """Return LD_LIBRARY_PATH with torch's CUDA libraries, for other processes.

    A process without torch looks for them beside ONNX Runtime, where they may be missing.
    """
    packages = Path(torch.__file__).parents[1]
    folders = [str(one) for one in sorted(packages.glob("nvidia/*/lib"))]
    return os.pathsep.join([*folders, *filter(None, [os.environ.get("LD_LIBRARY_PATH")])])
