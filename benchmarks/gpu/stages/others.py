"""Stages that other commands do: the tests marked `gpu`, and what cores and workers give."""

import os
import subprocess
import sys

from benchmarks.errors import BenchmarkError
from benchmarks.gpu.device import library_path
from benchmarks.gpu.plan import GpuPlan
from benchmarks.gpu.results import Results
from benchmarks.gpu.stages.service import open_session
from benchmarks.measures.cores import WORKERS, measure_cores

TESTS = "tests/app/engine/backends/cuda"


def run_tests(plan: GpuPlan, results: Results) -> None:
    """Run `pytest -m gpu` on the backend's tests, whose output is kept whole in the log."""
    command = [sys.executable, "-m", "pytest", "-m", "gpu", "-v", "-W", "default", TESTS]
    line = ""
    libraries = {"LD_LIBRARY_PATH": library_path()} if plan.on_gpu else {}
    environment = os.environ | libraries
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:  # at once: a CUDA error may end it at any test
            sys.stderr.write(line)
    results.keep("tests", {"code": process.returncode, "line": line.strip("= \n")})
    if process.returncode:
        raise BenchmarkError(f"pytest ended with {process.returncode}")


def measure_processor(plan: GpuPlan, results: Results) -> None:
    """Measure the int8 network on the machine's CPUs."""
    session = open_session(plan, plan.small, "int8")
    measure_cores(session, plan.cores, WORKERS, lambda rows: results.keep("cores", rows))
