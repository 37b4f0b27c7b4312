"""`python -m benchmarks.measures.ray`: CPU a request of services that Ray has placed.

Two services that Ray started and two that it did not, behind one HAProxy, are loaded in turns.
Their models take no time; what is counted is the CPU time of processes, which a busy machine
changes less than rates.
"""

import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.errors import BenchmarkError
from benchmarks.load.wrk import closed_loop
from benchmarks.plan import FULL, QUICK, rotate
from benchmarks.report.machine import machine_line
from benchmarks.servers.placed import Pair, Pairs, both_pairs
from benchmarks.servers.processes import usage
from benchmarks.session import BenchmarkSession, make_parser, open_demo_session, run_command, say

CONNECTIONS = 16
PLACED, ALONE = "placed by Ray", "without Ray"


@dataclass(frozen=True, slots=True)
class Turn:
    """What a turn of load took; CPU times in microseconds a request.

    Attributes:
        ray_cores: of all of Ray's own processes, for as long as the turn took.
    """

    requests: int
    services: float
    haproxy: float
    ray_cores: float


def measure_ray(session: BenchmarkSession, python: Path) -> dict[str, Any]:
    """Return the turns of both pairs."""
    turns: dict[str, list[dict[str, float]]] = {PLACED: [], ALONE: []}
    bodies = [
        json.dumps({"model": session.served.name, "inputs": text}).encode()
        for text in session.workload.texts
    ]
    with both_pairs(session.served, python, session.folder / "ray") as pairs:
        named = {PLACED: pairs.placed, ALONE: pairs.alone}
        for pair in named.values():
            _load(pair, bodies, 1)
            pair.tell_timeless()
            _load(pair, bodies, 1)
        for number in range(session.plan.rounds):
            say(f"round {number + 1} of {session.plan.rounds}")
            for name in rotate(list(named), number):
                turn = _turn(pairs, named[name], bodies, session.plan.closed_seconds)
                turns[name].append(asdict(turn))
    return session.describe() | {"plan": "ray", "turns": turns}


def _load(pair: Pair, bodies: list[bytes], seconds: int) -> int:
    done = closed_loop(pair.port, "/v1/classify", bodies, CONNECTIONS, seconds)
    if done.refused or done.failed:
        raise BenchmarkError(f"{done.refused} refused, {done.failed} failed of {done.requests}")
    return done.requests


def _turn(pairs: Pairs, pair: Pair, bodies: list[bytes], seconds: int) -> Turn:
    started, before = time.monotonic(), _used(pairs, pair)
    requests = _load(pair, bodies, seconds)
    took = time.monotonic() - started
    services, haproxy, ray = (b - a for a, b in zip(before, _used(pairs, pair), strict=True))
    return Turn(requests, services / requests * 1e6, haproxy / requests * 1e6, ray / took)


def _used(pairs: Pairs, pair: Pair) -> tuple[float, float, float]:
    """Return CPU seconds so far: of the pair's services, of HAProxy, and of Ray's own processes."""
    placed = sum(usage(pid).cpu_seconds for pid in pairs.placed.servers)
    return (
        sum(usage(pid).cpu_seconds for pid in pair.servers),
        usage(pairs.haproxy).cpu_seconds,
        usage(pairs.ray).cpu_seconds - placed,
    )


def write_ray(results: dict[str, Any], out: Path) -> None:
    """Write ray.json and ray.md into a folder."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "ray.json").write_text(json.dumps(results, indent=1) + "\n")
    (out / "ray.md").write_text(render(results))
    say(f"wrote {out / 'ray.md'}")


def render(results: dict[str, Any]) -> str:
    """Return the page: medians of the turns, and the ratio inside each round."""
    turns: dict[str, list[dict[str, float]]] = results["turns"]
    requests = sum(turn["requests"] for row in turns.values() for turn in row)
    lines = [
        "# What Ray adds to the services that it places",
        "",
        f"`python -m benchmarks.measures.ray`, {results['when']}, "
        f"{machine_line(results['machine'])}. Two services of one executor each behind HAProxy, a "
        f"text a request, {CONNECTIONS} connections, a model that takes no time; "
        f"{results['rounds']} rounds in turns, {requests:,.0f} requests, none failed.",
        "",
        "| services | CPU a request, µs | HAProxy's, µs | Ray's own processes, cores |",
        "| --- | --: | --: | --: |",
    ]
    for name, row in turns.items():
        services, haproxy, cores = (
            [turn[field] for turn in row] for field in ("services", "haproxy", "ray_cores")
        )
        spread = f"{median(services):.0f} ({min(services):.0f} to {max(services):.0f})"
        lines.append(f"| {name} | {spread} | {median(haproxy):.0f} | {median(cores):.2f} |")
    both = zip(turns[PLACED], turns[ALONE], strict=True)
    ratios = [(a["services"] + a["haproxy"]) / (b["services"] + b["haproxy"]) for a, b in both]
    lines += [
        "",
        f"Services and HAProxy together take {median(ratios):.2f} ({min(ratios):.2f} to "
        f"{max(ratios):.2f}) of what they take without Ray, in the same round. Ray's own "
        "processes ran in all turns; no request passes them.",
    ]
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = make_parser("benchmarks.measures.ray", __doc__)
    parser.add_argument("--quick", action="store_true", help="three short rounds")
    parser.add_argument(
        "--ray-python", type=Path, default=Path("build/fleet/ray/bin/python"), metavar="PATH",
        help="that has the extra ray (%(default)s, which the tests of tests/fleet/on_ray make)",
    )  # fmt: skip
    options = parser.parse_args()

    def measure() -> None:
        if not options.ray_python.exists():
            raise BenchmarkError(f"{options.ray_python} is not there; name one by --ray-python")
        session = open_demo_session(options, QUICK if options.quick else FULL)
        write_ray(measure_ray(session, options.ray_python.absolute()), options.out)

    return run_command(measure)


if __name__ == "__main__":
    sys.exit(main())
