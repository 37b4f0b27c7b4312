"""Stages have their limits, take the switches that were found, and leave what they measured."""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.gpu import __main__ as run
from benchmarks.gpu import switches
from benchmarks.gpu.results import Results

HANGS = """
import subprocess, time
print(subprocess.Popen(["sleep", "600"]).pid, flush=True)
time.sleep(600)
"""


def is_gone(pid: int) -> bool:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            if "Z" in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]:
                return True
        except OSError:
            return True
    return False


def test_a_stage_that_hangs_is_ended_with_all_that_it_started() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", HANGS], stdout=subprocess.PIPE, start_new_session=True
    )
    assert process.stdout is not None
    with process.stdout:
        child = int(process.stdout.readline())
    assert run._wait(process, 0.0) < 0
    assert is_gone(child)


def test_what_was_kept_before_a_failure_is_there_after_it(tmp_path: Path) -> None:
    Results(tmp_path).keep("tests", {"code": 0, "line": "9 passed"})
    results = Results(tmp_path)
    with results.part("engine"):
        raise RuntimeError("CUDA error: an illegal memory access")
    page = (tmp_path / "results.md").read_text()
    assert "9 passed" in page
    assert "- engine: RuntimeError: CUDA error: an illegal memory access" in page
    assert "test_run.py" in Results(tmp_path).found["failed"]["engine"], "the trace is kept"


def test_without_a_packed_graph_that_runs_only_the_rest_is_measured(tmp_path: Path) -> None:
    results = Results(tmp_path)
    results.keep("start", {"tries": [], "switches": None})
    left = [stage for stage in run.STAGES if not run._lacks_packed(results, stage)]
    assert left == ["start", "tests", "processor"]
    results.keep("start", {"tries": [], "switches": ""})
    assert not any(run._lacks_packed(results, stage) for stage in run.STAGES)


def test_later_stages_and_the_services_processes_take_the_switches_that_were_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Results(tmp_path).keep("start", {"tries": [], "switches": "no-flash"})
    options = argparse.Namespace(device="cpu", out=tmp_path, build=tmp_path)
    started: list[dict[str, str]] = []
    monkeypatch.setattr(subprocess, "Popen", lambda *_, env, **__: started.append(env))
    run._start(options, "tests")
    monkeypatch.undo()
    assert started[0][switches.VARIABLE] == "no-flash"
    monkeypatch.setenv(switches.VARIABLE, "no-flash")
    code = "import os; print(os.environ['ORT_DISABLE_FLASH_ATTENTION'])"
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | switches.environment(),
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "1\n"


def test_every_combination_is_of_known_switches() -> None:
    named = {name for one in switches.COMBINATIONS for name in one.split(",") if name}
    assert named <= set(switches.SWITCHES)
