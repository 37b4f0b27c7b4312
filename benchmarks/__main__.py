"""`python -m benchmarks`: measure Classmark and its peers beside the machine's limit."""

import sys

from benchmarks.plan import FULL, QUICK
from benchmarks.run import run_benchmark
from benchmarks.session import make_parser, run_command


def main() -> int:
    parser = make_parser("benchmarks", __doc__)
    parser.add_argument("--quick", action="store_true", help="three rounds, fewer peers: minutes")
    options = parser.parse_args()
    plan = QUICK if options.quick else FULL
    return run_command(lambda: run_benchmark(plan, options))


if __name__ == "__main__":
    sys.exit(main())
