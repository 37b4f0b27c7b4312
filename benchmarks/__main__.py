"""`python -m benchmarks`: measure Classmark and its peers beside the machine's limit."""

import argparse
import sys
from pathlib import Path

from benchmarks.errors import BenchmarkError
from benchmarks.load.wrk import check_installed
from benchmarks.plan import FULL, QUICK
from benchmarks.run import run


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="three rounds, fewer peers: minutes")
    parser.add_argument("--out", type=Path, default=Path("docs/benchmarks"), metavar="FOLDER")
    parser.add_argument(
        "--checkpoint", type=Path, default=Path("build/checkpoints/sentiment"), metavar="FOLDER",
        help="the demo's sentiment checkpoint",
    )  # fmt: skip
    parser.add_argument("--build", type=Path, default=Path("build/bench"), metavar="FOLDER",
                        help="for bundles, environments and logs")  # fmt: skip
    options = parser.parse_args()
    try:
        check_installed()
        plan = QUICK if options.quick else FULL
        run(plan, options.checkpoint, options.build.resolve(), options.out)
    except BenchmarkError as exc:
        sys.stderr.write(f"error: {exc}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
