"""Where a measurement was made."""

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from app.engine.batching.executors import available_cpus

FLAGS = {"avx512_vnni": "AVX-512 VNNI", "avx_vnni": "AVX-VNNI", "avx512_bf16": "BF16",
         "amx_int8": "AMX int8"}  # fmt: skip
PACKAGES = ("onnxruntime", "openvino", "tokenizers", "numpy", "fastapi", "uvicorn", "uvloop")


def describe_machine() -> dict[str, Any]:
    """Return CPU, cores, flags that matter for inference, and versions."""
    cpu, flags = _read_cpuinfo()
    return {
        "cpu": cpu,
        "cpus": available_cpus(),
        "flags": [name for flag, name in FLAGS.items() if flag in flags],
        "kernel": platform.release(),
        "python": platform.python_version(),
        "packages": {name: found for name in PACKAGES if (found := version_of(name))},
    }


def _read_cpuinfo() -> tuple[str, set[str]]:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine(), set()
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    found = {key.strip(): value.strip() for key, value in fields.items()}
    return found.get("model name", platform.machine()), set(found.get("flags", "").split())


def version_of(package: str) -> str | None:
    """Return an installed package's version, None where it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None
