"""Counts the CPUs that this process may use."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

MOUNT = Path("/sys/fs/cgroup")
OWN_GROUPS = Path("/proc/self/cgroup")


def available_cpus() -> int:
    """Return the CPUs of this process's affinity, within the quotas of its control groups.

    A quota of one and a half is one: the half goes to the event loop, and two executors would be
    held back by the system in every period.
    """
    quotas = [int(quota) for quota in _quotas()]
    return max(1, min([len(os.sched_getaffinity(0)), *quotas]))


def _quotas() -> Iterator[float]:
    """Yield the CPUs that each control group around this process allows, where it limits them."""
    for folder in _groups():
        with suppress(OSError, ValueError):  # not there, or "max"
            quota, period = (folder / "cpu.max").read_text().split()
            yield int(quota) / int(period)
        with suppress(OSError, ValueError):
            limit = int((folder / "cpu.cfs_quota_us").read_text())
            if limit > 0:
                yield limit / int((folder / "cpu.cfs_period_us").read_text())


def _groups() -> Iterator[Path]:
    """Yield the folders of the groups, of version 2 and 1; in a container the mount is its own."""
    yield from (MOUNT, MOUNT / "cpu")
    with suppress(OSError):
        for line in OWN_GROUPS.read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers == "" or "cpu" in controllers.split(","):
                mount = MOUNT / "cpu" if controllers else MOUNT
                group = mount / path.lstrip("/")
                yield from (one for one in (group, *group.parents) if one.is_relative_to(mount))
