"""CPU time and memory of a process and its descendants, read from /proc."""

import os
from dataclasses import dataclass
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Usage:
    """The use of a process and all its descendants.

    Attributes:
        peak_bytes: sum of the peak resident sets; shared pages count more than once.
    """

    cpu_seconds: float
    peak_bytes: int


def descendants(pid: int) -> list[int]:
    """Return the process and its descendants, parents first."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and (fields := _stat(int(folder.name))):
            children.setdefault(int(fields[1]), []).append(int(folder.name))
    found = [pid]
    for one in found:
        found += children.get(one, [])
    return found


def usage(pid: int) -> Usage:
    """Return the use of a process tree so far, without processes that have ended."""
    ticks = peak = 0
    for one in descendants(pid):
        if fields := _stat(one):
            ticks += int(fields[11]) + int(fields[12])
            peak += _bytes(one, "status", "VmHWM")
    return Usage(ticks / TICKS_PER_SECOND, peak)


def resident_bytes(pid: int) -> int:
    """Return the resident set of a process and its descendants."""
    return sum(_bytes(one, "status", "VmRSS") for one in descendants(pid))


def proportional_bytes(pid: int) -> int:
    """Return the resident set of a process tree; of shared pages each process counts its part."""
    return sum(_bytes(one, "smaps_rollup", "Pss:") for one in descendants(pid))


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/<pid>/stat from the state on."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _bytes(pid: int, file: str, field: str) -> int:
    try:
        lines = Path(f"/proc/{pid}/{file}").read_text().splitlines()
    except OSError:
        return 0
    return next((int(x.split()[1]) * 1024 for x in lines if x.startswith(field)), 0)
