"""`python -m benchmarks.measures.workers`: front-end processes beside the limit, and refusals.

Classmark with 1, 2, ... workers takes turns in rounds, as in measures/capacity. Then an open loop
above capacity, with the bounded queue of measures/latency, gives the latency of refusals (429).
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.errors import BenchmarkError
from benchmarks.load.arrivals import poisson
from benchmarks.load.open_loop import open_loop
from benchmarks.measures.capacity import measure_capacity
from benchmarks.measures.latency.under_load import (
    ADMISSION,
    make_requests,
    summarise_open_loop,
    warm_up,
)
from benchmarks.plan import FULL, QUICK, rotate
from benchmarks.report.report import render_results
from benchmarks.servers.contenders import CLASSMARK, Contender, Tuning
from benchmarks.session import BenchmarkSession, make_parser, open_demo_session, run_command, say

OVERLOAD = 1.5
COLUMNS = ("refused_share", "refusal_p50", "refusal_p99", "p50", "p99")


def with_workers(count: int) -> Contender:
    """Return Classmark with a number of workers: 1 is one process, more are front ends."""
    name = f"{CLASSMARK.name}, {count} worker{'s' * (count > 1)}"
    return replace(CLASSMARK, name=name, tuning=Tuning(workers=count))


def measure_workers(session: BenchmarkSession, counts: Sequence[int]) -> dict[str, Any]:
    """Return capacity and refusals for each number of workers."""
    contenders = [with_workers(count) for count in counts]
    found = measure_capacity(session, contenders)
    if found.failed:
        raise BenchmarkError("; ".join(f"{name}: {why}" for name, why in found.failed.items()))
    capacities = {
        one.name: median(row["texts_per_second"] for row in found.contenders[one.name])
        for one in contenders
    }
    refusals: dict[str, list[dict[str, Any]]] = {name: [] for name in capacities}
    for number in range(session.plan.rounds):
        say(f"refusals: round {number + 1} of {session.plan.rounds}")
        for one in rotate(contenders, number):
            refusals[one.name].append(_overload(session, one, capacities[one.name], number))
    return session.describe() | {
        "plan": "workers",
        "subjects": [found.as_results(session.served, contenders)],
        "refusals": refusals,
    }


def _overload(
    session: BenchmarkSession, contender: Contender, capacity: float, seed: int
) -> dict[str, Any]:
    """Measure an open loop at OVERLOAD times the capacity."""
    with session.serving(contender, ADMISSION) as server:
        requests = make_requests(server, session.workload.texts)
        warm_up(server, requests)
        due = poisson(OVERLOAD * capacity, session.plan.open_seconds, seed)
        found = open_loop(server.port, requests, due)
    return summarise_open_loop(found, capacity, session.plan)


def render_refusals(refusals: dict[str, list[dict[str, Any]]]) -> str:
    """Return the table of refusals: medians of the rounds."""
    lines = [
        f"## Refusals at {OVERLOAD:.0%} of capacity",
        "",
        "| | refused | 429 p50 ms | 429 p99 ms | accepted p50 ms | accepted p99 ms |",
        "| --- | --: | --: | --: | --: | --: |",
    ]
    for name, rows in refusals.items():
        share, *seconds = (
            [row[column] for row in rows if row[column] is not None] for column in COLUMNS
        )
        cells = [f"{median(values) * 1e3:.1f}" if values else "" for values in seconds]
        lines.append(f"| {name} | {median(share):.0%} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def write_workers(results: dict[str, Any], out: Path) -> None:
    """Write workers.json and workers.md into a folder."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "workers.json").write_text(json.dumps(results, indent=1) + "\n")
    page = f"{render_results(results)}\n{render_refusals(results['refusals'])}"
    (out / "workers.md").write_text(page)
    say(f"wrote {out / 'workers.md'}")


def main() -> int:
    parser = make_parser("benchmarks.measures.workers", __doc__)
    parser.add_argument("--quick", action="store_true", help="three short rounds")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2], metavar="N")
    options = parser.parse_args()

    def measure() -> None:
        session = open_demo_session(options, QUICK if options.quick else FULL)
        write_workers(measure_workers(session, options.workers), options.out)

    return run_command(measure)


if __name__ == "__main__":
    sys.exit(main())
