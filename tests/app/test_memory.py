"""A process may take what the machine has left, or less where its container has a limit."""

from pathlib import Path

import pytest

from app import memory
from app.memory import SystemMemory, read_memory, resident_bytes

MACHINE = "MemTotal:       16000 kB\nMemFree:         1000 kB\nMemAvailable:    8000 kB\n"
TOTAL, FREE = 16_000 << 10, 8_000 << 10


@pytest.fixture
def cgroup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "meminfo").write_text(MACHINE)
    monkeypatch.setattr(memory, "MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(memory, "CGROUP", tmp_path)
    return tmp_path


def limit(cgroup: Path, bytes_: str, stat: str, folder: str = "", file: str = "memory.max") -> None:
    (cgroup / folder).mkdir(exist_ok=True)
    (cgroup / folder / file).write_text(f"{bytes_}\n")
    (cgroup / folder / "memory.stat").write_text(stat)


@pytest.mark.usefixtures("cgroup")
def test_without_a_container_it_is_what_the_machine_has_available() -> None:
    assert read_memory() == SystemMemory(TOTAL, FREE, None)


def test_a_containers_limit_counts_without_what_the_kernel_keeps_of_files(cgroup: Path) -> None:
    limit(cgroup, "1000000", "anon 400000\nfile 590000\n")
    assert read_memory() == SystemMemory(TOTAL, 600_000, 1_000_000)


def test_the_first_version_of_containers_counts_too(cgroup: Path) -> None:
    limit(cgroup, "1000000", "rss 1\ntotal_rss 300000\n", "memory", "memory.limit_in_bytes")
    assert read_memory() == SystemMemory(TOTAL, 700_000, 1_000_000)


@pytest.mark.parametrize("unlimited", ["max", "9223372036854771712"])
def test_a_container_without_a_limit_is_none(cgroup: Path, unlimited: str) -> None:
    limit(cgroup, unlimited, "anon 400000\n")
    assert read_memory() == SystemMemory(TOTAL, FREE, None)


def test_a_container_that_is_over_its_limit_may_take_nothing(cgroup: Path) -> None:
    limit(cgroup, "1000000", "anon 1400000\n")
    assert read_memory() == SystemMemory(TOTAL, 0, 1_000_000)


def test_what_the_system_does_not_tell_is_not_guessed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "MEMINFO", tmp_path / "none")
    monkeypatch.setattr(memory, "STATM", tmp_path / "none")
    assert (read_memory(), resident_bytes()) == (None, None)
