"""Tells how long ago this process started."""

import os
import time
from pathlib import Path

STAT = Path("/proc/self/stat")
# Where the system does not tell: what Python took to come here is then missing.
_IMPORTED = time.monotonic()
# In the fields of /proc/PID/stat after the command's name, which may hold blanks.
_START_TICKS = 19


def process_age_seconds() -> float:
    """Return the time since this process started, exact to 10 ms.

    `process_start_time_seconds` is not: it adds up from the time of boot in whole seconds.
    """
    try:
        ticks = int(STAT.read_text().rpartition(")")[2].split()[_START_TICKS])
        return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, AttributeError):
        return time.monotonic() - _IMPORTED
