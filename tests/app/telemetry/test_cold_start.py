"""The age of a process is counted from its very start, whatever its command is named."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from app.telemetry import cold_start
from app.telemetry.cold_start import process_age_seconds


def test_it_includes_what_came_before_the_import() -> None:
    code = (
        "import time; began = time.monotonic(); x = sum(range(2_000_000)); "
        "from app.telemetry.cold_start import process_age_seconds; "
        "print(process_age_seconds(), time.monotonic() - began)"
    )
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    age, since = map(float, done.stdout.split())
    tick = 1 / os.sysconf("SC_CLK_TCK")
    assert since - tick <= age <= time.monotonic() - began + tick


def test_a_command_with_blanks_and_brackets_is_read_past(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path("/proc/self/stat").read_text()
    stat = tmp_path / "stat"
    stat.write_text(f"{real.partition('(')[0]}(a) b (c) S){real.rpartition(')')[2]}")
    before = process_age_seconds()
    with monkeypatch.context() as patch:
        patch.setattr(cold_start, "STAT", stat)
        read = process_age_seconds()
    assert before <= read <= process_age_seconds()


def test_where_the_system_does_not_tell_it_counts_from_the_import(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(cold_start, "STAT", tmp_path / "none")
        since_the_import = process_age_seconds()
    assert 0 <= since_the_import <= process_age_seconds()
