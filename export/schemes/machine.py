"""The machine that measured: what its CPU is called and what it can do with int8."""

import platform
from pathlib import Path

from app.engine.batching.executors import available_cpus

CPU_INFO = Path("/proc/cpuinfo")
# Instructions that int8 and its rivals are fast with, by the name of the flag.
FEATURES = {
    "avx2": "AVX2",
    "avx512f": "AVX-512",
    "avx_vnni": "AVX-VNNI",
    "avx512_vnni": "AVX-512 VNNI",
    "avx512_bf16": "AVX-512 BF16",
    "amx_int8": "AMX int8",
}


def describe_machine() -> str:
    """Return e.g. `AMD EPYC, 2 CPUs, AVX2, AVX-512, AVX-512 VNNI`."""
    try:
        lines = CPU_INFO.read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    fields = {key.strip(): value.strip() for key, _, value in (li.partition(":") for li in lines)}
    flags = set(fields.get("flags", "").split())
    features = [name for flag, name in FEATURES.items() if flag in flags]
    model = fields.get("model name") or platform.processor() or platform.machine()
    cpus = available_cpus()
    return ", ".join([model, f"{cpus} CPU{'s' if cpus != 1 else ''}", *features])
