"""Reads what memory this process takes, and what it may still take, where the system tells."""

import os
from pathlib import Path
from typing import NamedTuple

MEMINFO = Path("/proc/meminfo")
STATM = Path("/proc/self/statm")
CGROUP = Path("/sys/fs/cgroup")
# By cgroup version: the file of a container's limit, that of its use, and the use that counts
# there. What the kernel keeps of files counts not: it goes when memory is short.
CONTAINER_FILES = (
    ("memory.max", "memory.stat", "anon"),
    ("memory/memory.limit_in_bytes", "memory/memory.stat", "total_rss"),
)


class SystemMemory(NamedTuple):
    """Memory of the machine, in bytes.

    Attributes:
        available: what this process may still take, its container's limit heeded.
        limit: of its container; None without one.
    """

    total: int
    available: int
    limit: int | None


def resident_bytes() -> int | None:
    """Return the resident set of this process, or None where the system does not tell."""
    try:
        return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return None


def read_memory() -> SystemMemory | None:
    """Return the machine's memory, or None where the system does not tell."""
    try:
        fields = _read_fields(MEMINFO, ":")
    except OSError:
        return None
    total, free = fields["MemTotal"] << 10, fields["MemAvailable"] << 10
    for limit_file, use_file, use in CONTAINER_FILES:
        try:
            limit = int((CGROUP / limit_file).read_text())
            left = limit - _read_fields(CGROUP / use_file, " ")[use]
        except (OSError, ValueError, KeyError):  # another version, or "max"
            continue
        if limit < total:
            return SystemMemory(total, max(0, min(free, left)), limit)
    return SystemMemory(total, free, None)


def _read_fields(path: Path, separator: str) -> dict[str, int]:
    """Read lines of a name, a number and perhaps its unit."""
    lines = [line.split(separator, 1) for line in path.read_text().splitlines()]
    return {name: int(rest.split()[0]) for name, rest in lines}
