"""Stages that other commands do: the tests marked `gpu`, and what cores and workers give."""

import subprocess
import sys

from benchmarks.errors import BenchmarkError
from benchmarks.gpu.plan import GpuPlan
from benchmarks.gpu.results import Results
from benchmarks.gpu.stages.service import open_session
from benchmarks.measures.cores import WORKERS, measure_cores

TESTS = "tests/app/engine/backends/cuda"


def run_tests(plan: GpuPlan, results: Results) -> None:
    """Run `pytest -m gpu` on the backend's tests, whose output is kept whole in the log."""
    command = [sys.executable, "-m", "pytest", "-m", "gpu", "-v", "-p", "no:cacheprovider", TESTS]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    sys.stderr.write(done.stdout)
    results.keep("tests", {"code": done.returncode, "line": done.stdout.strip().split("\n")[-1]})
    if done.returncode:
        raise BenchmarkError(f"pytest ended with {done.returncode}")


def measure_processor(plan: GpuPlan, results: Results) -> None:
    """Measure the int8 network on the machine's CPUs."""
    session = open_session(plan, plan.small, "int8")
    measure_cores(session, plan.cores, WORKERS, lambda rows: results.keep("cores", rows))
