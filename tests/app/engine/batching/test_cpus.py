"""The CPUs of a process are those of its affinity, within every quota above it."""

import os
from pathlib import Path

import pytest

from app.engine.batching import cpus


def groups(root: Path, monkeypatch: pytest.MonkeyPatch, own: str, **files: str) -> None:
    """Make control groups: which are this process's, and the content of each file."""
    (root / "own").write_text(own)
    for path, content in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content + "\n")
    monkeypatch.setattr(cpus, "MOUNT", root)
    monkeypatch.setattr(cpus, "OWN_GROUPS", root / "own")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))


@pytest.mark.parametrize(
    ("quota", "expected"),
    [
        ("max 100000", 64),
        ("200000 100000", 2),
        ("150000 100000", 1),
        ("250000 100000", 2),
        ("50000 100000", 1),
        ("20000 10000", 2),
        ("9900000 100000", 64),
        ("", 64),
        ("nonsense", 64),
    ],
)
def test_a_quota_of_version_2_counts_whole_cpus(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quota: str, expected: int
) -> None:
    groups(tmp_path, monkeypatch, "0::/\n", **{"cpu.max": quota})
    assert cpus.available_cpus() == expected


@pytest.mark.parametrize(
    ("quota", "expected"), [("-1", 64), ("200000", 2), ("150000", 1), ("50000", 1)]
)
@pytest.mark.parametrize("path", ["/", "/kubepods/pod1/of-the-host-and-not-seen-here"])
def test_a_quota_of_version_1_counts_whole_cpus(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quota: str, expected: int, path: str
) -> None:
    own = f"12:memory:{path}\n4:cpu,cpuacct:{path}\n0::/\n"
    files = {"cpu/cpu.cfs_quota_us": quota, "cpu/cpu.cfs_period_us": "100000"}
    groups(tmp_path, monkeypatch, own, **files)
    assert cpus.available_cpus() == expected


def test_the_least_quota_above_the_process_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {
        "system.slice/cpu.max": "300000 100000",
        "system.slice/classmark.service/cpu.max": "800000 100000",
        "other.slice/cpu.max": "100000 100000",
    }
    groups(tmp_path, monkeypatch, "0::/system.slice/classmark.service\n", **files)
    assert cpus.available_cpus() == 3


def test_without_control_groups_the_affinity_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups(tmp_path, monkeypatch, "")
    (tmp_path / "own").unlink()
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5})
    assert cpus.available_cpus() == 2
