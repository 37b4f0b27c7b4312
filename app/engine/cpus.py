"""The CPUs that this process may use, and who goes first on them."""

import os
import sys
import threading
from pathlib import Path

CGROUP_CPU_MAX = Path("/sys/fs/cgroup/cpu.max")
# Beside a thread of usual priority one with this niceness gets a tenth of the CPU they share.
BACKGROUND_NICENESS = 10


def available_cpus() -> int:
    """Return the CPUs this process may use: its affinity, cut to the container's quota."""
    allowed = len(os.sched_getaffinity(0))
    try:
        quota, period = CGROUP_CPU_MAX.read_text().split()
    except (OSError, ValueError):
        return allowed
    return allowed if quota == "max" else max(1, min(allowed, int(quota) // int(period)))


def lower_priority() -> None:
    """Let this thread yield to others; Linux alone counts niceness by thread."""
    if sys.platform == "linux":
        usual = os.getpriority(os.PRIO_PROCESS, os.getpid())
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), usual + BACKGROUND_NICENESS)
