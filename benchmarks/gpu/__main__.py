"""`python -m benchmarks.gpu`: all that a GPU has to show, in order of worth, in nine minutes.

Every stage is a process with a limit of its own; what it measured is written after each part, so
that neither a stage that fails nor one that hangs takes it away. Bundles are made meanwhile.
"""

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from benchmarks.gpu.plan import GpuPlan, make_plan
from benchmarks.gpu.results import Results
from benchmarks.gpu.stages import engine, others, parity, service, start
from benchmarks.gpu.subjects.bundles import make_all
from benchmarks.gpu.switches import VARIABLE, apply
from benchmarks.load.wrk import check_installed
from benchmarks.session import say

Stage = Callable[[GpuPlan, Results], None]
# Each with its limit in seconds.
STAGES: dict[str, tuple[Stage, int]] = {
    "start": (start.measure, 120),
    "tests": (others.run_tests, 90),
    "parity": (parity.measure, 90),
    "engine": (engine.measure, 150),
    "service": (service.measure, 150),
    "processor": (others.measure_processor, 120),
}
# Without a packed graph that runs, only these have something to show.
WITHOUT_PACKED = ("start", "tests", "processor")
BUNDLES = "bundles"
ALL_SECONDS = 540
LOG = "log.txt"


def main() -> int:
    options = _parse()
    # Absolute, because the exporters change the working folder.
    options.out, options.build = options.out.resolve(), options.build.resolve()
    if options.only is not None:
        return _run_here(options.only, make_plan(options.device, options.out, options.build))
    check_installed()
    options.out.mkdir(parents=True, exist_ok=True)
    results, ended = Results(options.out), time.monotonic() + options.seconds
    makers = _start(options, BUNDLES)
    for stage in options.stage or STAGES:
        left = min(STAGES[stage][1], ended - time.monotonic())
        if _lacks_packed(Results(options.out), stage) or left <= 0:
            say(f"{stage}: left out")
            continue
        say(f"{stage}: at most {left:.0f} s")
        code = _wait(_start(options, stage), left)
        say(f"{stage}: {'done' if code == 0 else f'ended with {code}'}")
    _wait(makers, 0.0)
    results = Results(options.out)
    say((options.out / "results.md").read_text())
    return 1 if results.found.get("failed") else 0


def _run_here(stage: str, plan: GpuPlan) -> int:
    """Run one stage in this process; return the exit code."""
    if stage == BUNDLES:
        make_all(plan)
        return 0
    apply()
    results = Results(plan.out)
    with results.part(stage):
        STAGES[stage][0](plan, results)
        return 0
    return 1


def _start(options: argparse.Namespace, stage: str) -> subprocess.Popen[bytes]:
    """Start a stage's process with the switches that the first stage chose."""
    command = [sys.executable, "-m", "benchmarks.gpu", "--only", stage, "--device", options.device,
               "--out", str(options.out), "--build", str(options.build)]  # fmt: skip
    chosen = Results(options.out).found.get("start", {}).get("switches")
    switches = {VARIABLE: chosen} if chosen else {}
    with (options.out / LOG).open("ab") as log:
        return subprocess.Popen(
            command, env=os.environ | switches, stdout=log, stderr=log, start_new_session=True
        )


def _wait(process: subprocess.Popen[bytes], seconds: float) -> int:
    """Wait for a stage, then end it with all that it started; return its exit code."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        say("  its time is over")
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    return process.wait()


def _lacks_packed(results: Results, stage: str) -> bool:
    tried = results.found.get("start")
    return tried is not None and tried["switches"] is None and stage not in WITHOUT_PACKED


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda",
                        help="cpu tries the program with tiny networks")  # fmt: skip
    parser.add_argument("--stage", action="append", choices=STAGES,
                        help="only this one; may be repeated")  # fmt: skip
    parser.add_argument("--only", choices=(*STAGES, BUNDLES), help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=float, default=ALL_SECONDS, help="for all stages")
    parser.add_argument("--out", type=Path, default=Path("build/bench-gpu/results"),
                        metavar="FOLDER", help="results are added to those in it")  # fmt: skip
    parser.add_argument("--build", type=Path, default=Path("build/bench-gpu"), metavar="FOLDER",
                        help="for checkpoints, bundles and logs")  # fmt: skip
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
