"""The machine of a measurement: CPU, instructions and versions."""

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from app.engine.batching.cpus import available_cpus
from classmark.machine import read_cpuinfo

FLAGS = {"avx512_vnni": "AVX-512 VNNI", "avx_vnni": "AVX-VNNI", "avx512_bf16": "BF16",
         "amx_int8": "AMX int8"}  # fmt: skip
PACKAGES = ("onnxruntime", "tokenizers", "numpy", "fastapi", "uvicorn", "uvloop")


def describe_machine() -> dict[str, Any]:
    """Return CPU, cores, the flags that matter for inference, and versions."""
    cpu, flags = read_cpuinfo()
    return {
        "cpu": cpu,
        "cpus": available_cpus(),
        "flags": [name for flag, name in FLAGS.items() if flag in flags],
        "kernel": platform.release(),
        "python": platform.python_version(),
        "packages": {name: found for name in PACKAGES if (found := version_of(name))},
    }


def machine_line(machine: dict[str, Any]) -> str:
    """Return e.g. `2 CPUs of AMD EPYC (BF16); Python 3.11.7, numpy 2.4.6`."""
    words = [f"{name} {version}" for name, version in machine["packages"].items()]
    python = ", ".join([f"Python {machine['python']}", *words])
    return f"{cpu_line(machine)}; {python}"


def cpu_line(machine: dict[str, Any]) -> str:
    """Return e.g. `2 CPUs of AMD EPYC (BF16)`."""
    flags = f" ({', '.join(machine['flags'])})" if machine.get("flags") else ""
    return f"{machine['cpus']} CPUs of {machine['cpu']}{flags}"


def version_of(package: str) -> str | None:
    """Return the version of a package, None if it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None
