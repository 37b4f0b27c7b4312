"""`python -m benchmarks.gpu`: measure engines alone and the service over HTTP on a CUDA device."""

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch

from benchmarks.errors import BenchmarkError
from benchmarks.gpu.plan import GpuPlan, quick
from benchmarks.gpu.report.results import Results, draw, read
from benchmarks.gpu.stages.engine import measure_engine
from benchmarks.gpu.stages.parity import measure_parity
from benchmarks.gpu.stages.service import measure_service
from benchmarks.gpu.subjects.bundles import open_network
from benchmarks.gpu.subjects.networks import Network, choose_networks
from benchmarks.load.wrk import check_installed
from benchmarks.session import say
from tests.support.families import choose_families

OUT = {"cuda": Path("docs/benchmarks/gpu"), "cpu": Path("build/bench-gpu/trial")}
STAGES = ("parity", "engine", "http")
PARITY_NETWORKS = ("bert-base",)
HTTP_NETWORKS = ("bert-base", "distilbert")
QUICK_FAMILIES = ("bert", "distilbert")


def main() -> int:
    options = _parse()
    if options.out is None:
        options.out = OUT[options.device]
    if options.plot is not None:
        draw(read(options.plot), options.plot.parent)
        return 0
    try:
        return measure(options)
    except BenchmarkError as exc:
        sys.stderr.write(f"error: {exc}\n")
        return 1


def measure(options: argparse.Namespace) -> int:
    """Run the stages; return 1 if an answer was wrong or a part could not be measured."""
    if options.device == "cuda" and not torch.cuda.is_available():
        raise BenchmarkError("no CUDA device here; --device cpu --quick tries the program without")
    stages = options.stage or STAGES
    if "http" in stages:
        check_installed()
    build = options.build.resolve()
    build.mkdir(parents=True, exist_ok=True)
    small = options.device == "cpu"
    plan = (
        quick(options.device, build) if options.quick or small else GpuPlan(options.device, build)
    )
    results = Results(options.out, options.device)
    whole = True
    if "parity" in stages:
        networks = _networks(options.models, PARITY_NETWORKS, small=small)
        families = choose_families(QUICK_FAMILIES if small else ())
        results.keep("parity", measure_parity(networks, build, options.device, families))
        whole = all(row["held"] is not False for row in results.found["parity"]["rows"])
    if "engine" in stages:
        whole &= _measure_each("engine", choose_networks(options.models, tiny=small), plan, results)
    if "http" in stages:
        networks = _networks(options.models, HTTP_NETWORKS, small=small)
        whole &= _measure_each("http", networks, plan, results)
    draw(results.found, options.out)
    say(f"wrote {options.out / 'results.md'}")
    return 0 if whole else 1


def _measure_each(stage: str, networks: Sequence[Network], plan: GpuPlan, results: Results) -> bool:
    """Measure the networks in turn; a failure ends only the part of its network."""
    measured = {"engine": measure_engine, "http": measure_service}[stage]
    whole = True
    for network in networks:
        try:
            loaded = open_network(network, plan.build, plan.device)
            keep = partial(results.keep, stage, network=network.name)
            found = measured(loaded, plan, keep)
            keep(found)
            whole &= stage != "http" or not found["missing"]
        except BenchmarkError as exc:
            say(f"{network.title}, {stage}: left out: {exc}")
            whole = False
    return whole


def _networks(asked: Sequence[str], usual: Sequence[str], *, small: bool) -> Sequence[Network]:
    if asked:
        return choose_networks(asked, tiny=small)
    return choose_networks((), tiny=True)[:1] if small else choose_networks(usual, tiny=False)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda",
                        help="cpu tries the program with tiny networks")  # fmt: skip
    parser.add_argument("--stage", action="append", choices=STAGES,
                        help="only this one; may be repeated")  # fmt: skip
    parser.add_argument("--models", nargs="+", default=[], metavar="NAME",
                        help="bert-base, bert-large, distilbert, minilm-l6")  # fmt: skip
    parser.add_argument("--quick", action="store_true", help="few and short rounds")
    parser.add_argument("--out", type=Path, metavar="FOLDER",
                        help="default: docs/benchmarks/gpu, on a CPU elsewhere")  # fmt: skip
    parser.add_argument("--build", type=Path, default=Path("build/bench-gpu"), metavar="FOLDER",
                        help="for checkpoints, bundles and logs")  # fmt: skip
    parser.add_argument("--plot", type=Path, metavar="RESULTS.JSON",
                        help="only draw the plots of an earlier run")  # fmt: skip
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
