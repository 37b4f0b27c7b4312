"""The device: its name and versions, its ceiling of operations, and its used memory."""

import os
import re
import time
from pathlib import Path
from typing import Any

import torch

from benchmarks.report.machine import describe_machine, version_of

PACKAGES = ("torch", "transformers", "onnx", "onnxruntime-gpu")
DRIVER = Path("/proc/driver/nvidia/version")
MATRIX = {"cuda": 8192, "cpu": 512}
PRODUCTS = {"cuda": 40, "cpu": 4}


def describe_device(device: str) -> dict[str, Any]:
    """Return machine, device and versions."""
    machine = describe_machine()
    found = {name: version for name in PACKAGES if (version := version_of(name))}
    machine["packages"] |= found
    if device == "cuda":
        properties = torch.cuda.get_device_properties(0)
        machine["gpu"] = {
            "name": properties.name,
            "memory_bytes": properties.total_memory,
            "driver": _driver(),
            "cuda": torch.version.cuda,
        }
    return machine


def measure_ceiling(device: str) -> float:
    """Return the operations a second of one large matrix product, repeated: bf16, on a CPU fp32."""
    size, count = MATRIX[device], PRODUCTS[device]
    kind = torch.bfloat16 if device == "cuda" else torch.float32
    left, right = (torch.randn(size, size, device=device, dtype=kind) for _ in range(2))
    out = torch.empty_like(left)
    for _ in range(3):
        torch.matmul(left, right, out=out)
    synchronize(device)
    started = time.perf_counter()
    for _ in range(count):
        torch.matmul(left, right, out=out)
    synchronize(device)
    return 2.0 * size**3 * count / (time.perf_counter() - started)


def synchronize(device: str) -> None:
    """Wait until the device has finished this process's work."""
    if device == "cuda":
        torch.cuda.synchronize()


def memory_taken(device: str) -> int | None:
    """Return the bytes of device memory that all processes hold together; None on a CPU."""
    if device != "cuda":
        return None
    free, total = torch.cuda.mem_get_info()
    return total - free


def library_path() -> str:
    """Return LD_LIBRARY_PATH with torch's CUDA libraries, for other processes.

    A process without torch looks for them beside ONNX Runtime, where they may be missing.
    """
    packages = Path(torch.__file__).parents[1]
    folders = [str(one) for one in sorted(packages.glob("nvidia/*/lib"))]
    return os.pathsep.join([*folders, *filter(None, [os.environ.get("LD_LIBRARY_PATH")])])


def _driver() -> str | None:
    try:
        found = re.search(r"\d+\.\d+[.\d]*", DRIVER.read_text())
    except OSError:
        return None
    return found[0] if found else None
