"""Looks at the machine: instructions for int8, CPUs, memory and descriptors."""

import os
import platform
import resource
from pathlib import Path

from app.engine.batching.cpus import available_cpus
from app.memory import read_memory
from classmark.finding import Finding

# What speeds up int8, as the kernel calls it and as its makers do.
FLAGS = {
    "avx2": "AVX2",
    "avx512f": "AVX-512",
    "avx512_vnni": "AVX-512 VNNI",
    "avx_vnni": "AVX-VNNI",
    "avx512_bf16": "BF16",
    "amx_int8": "AMX int8",
    "asimddp": "dot product",
    "i8mm": "int8 matrix product",
    "sve": "SVE",
    "bf16": "BF16",
}
# Any of these multiplies and adds bytes in one step; without them int8 gains little or nothing.
FAST_INT8 = {"avx512_vnni", "avx_vnni", "amx_int8", "asimddp", "i8mm"}
# A service holds one for each connection, some for itself.
MANY_DESCRIPTORS = 4096


def look_at_machine() -> list[Finding]:
    return [_cpu(*read_cpuinfo()), _cpus(), _memory(), _descriptors()]


def read_cpuinfo() -> tuple[str, set[str]]:
    """Return the CPU's name and the flags of its instructions, none where the system hides them."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine(), set()
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    found = {key.strip(): value.strip() for key, value in fields.items()}
    flags = found.get("flags", found.get("Features", ""))
    return found.get("model name", platform.machine()), set(flags.split())


def _cpu(name: str, flags: set[str]) -> Finding:
    shown = ", ".join(dict.fromkeys(title for flag, title in FLAGS.items() if flag in flags))
    text = f"{name} with {shown or 'none of the instructions that speed up int8'}"
    if not flags or flags & FAST_INT8:
        return Finding("CPU", text)
    return Finding(
        "CPU", f"{text}; int8 is slower without VNNI", "note",
        "compare it with CLASSMARK_PRECISION=fp32",
    )  # fmt: skip


def _cpus() -> Finding:
    usable, seen = available_cpus(), os.cpu_count() or 1
    if usable >= seen:
        return Finding("CPUs", f"{usable}, all usable")
    return Finding(
        "CPUs", f"{usable} usable of {seen}: this process's affinity or quota is less", "note",
        "raise the container's CPU limit if that is not meant",
    )  # fmt: skip


def _memory() -> Finding:
    memory = read_memory()
    if memory is None:
        return Finding("memory", "unknown on this system")
    text = f"{memory.available / 1e9:.1f} GB free of {memory.total / 1e9:.1f} GB"
    if memory.limit is not None:
        text += f"; this container may have {memory.limit / 1e9:.1f} GB"
    if memory.available > 1 << 30:
        return Finding("memory", text)
    return Finding(
        "memory", text, "note", "a model of BERT's size takes some 0.5 GB: end something else"
    )


def _descriptors() -> Finding:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= MANY_DESCRIPTORS:
        return Finding("files", f"{soft} may be open at once")
    return Finding(
        "files", f"{soft} may be open at once, a connection each", "note",
        f"`ulimit -n {hard}` before it starts admits more connections",
    )  # fmt: skip
