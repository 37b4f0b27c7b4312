"""`python -m benchmarks.measures.cores`: how many workers a service needs on how many cores.

The limit and the service run on the first cores of the machine, the load on those that are left;
where all are in use they share them. Each row stands beside the limit of its own cores just before
and after.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import mean
from typing import Any

from benchmarks.measures.capacity import load_server
from benchmarks.measures.limit import Limit, find_limit
from benchmarks.measures.workers import with_workers
from benchmarks.plan import BATCH_TEXTS, QUICK
from benchmarks.report.machine import machine_line
from benchmarks.session import (
    BenchmarkSession,
    make_parser,
    make_session,
    open_demo_session,
    run_command,
    say,
)
from benchmarks.subjects.served_model import ServedModel

WORKERS = (1, 2, 4)
ON_CPU = {"CLASSMARK_DEVICE": "cpu"}
# So many for each core and text: with fewer, executors wait for requests.
CONNECTIONS_A_CORE = 32


def measure_cores(
    session: BenchmarkSession,
    counts: Sequence[int],
    workers: Sequence[int] = WORKERS,
    keep: Callable[[list[dict[str, Any]]], None] = lambda _: None,
) -> list[dict[str, Any]]:
    """Return a row for each number of cores, workers and texts in a request.

    Args:
        counts: numbers of cores.
        workers: numbers of processes; those that are more than the cores are left out.
        keep: gets the rows so far after each.
    """
    rows: list[dict[str, Any]] = []
    everything = sorted(os.sched_getaffinity(0))
    limit = find_limit(session.served, session.served.precision, session.texts_file, 0.3)
    for count in counts:
        with on_cores(everything[:count]):
            before = limit.measure()
        for number in (one for one in workers if one <= count):
            found, before = _measure(session, limit, before, everything, count, number)
            rows += found
            keep(rows)
    return rows


def _measure(
    session: BenchmarkSession,
    limit: Limit,
    before: float,
    everything: Sequence[int],
    count: int,
    workers: int,
) -> tuple[list[dict[str, Any]], float]:
    """Return the rows of one server, and the limit after it."""
    seconds, rows = session.plan.closed_seconds, []
    with ExitStack() as stack:
        with on_cores(everything[:count]):
            server = stack.enter_context(session.serving(with_workers(workers), ON_CPU))
        with on_cores(everything[count:] or everything):
            for each in (1, BATCH_TEXTS):
                connections = max(4, CONNECTIONS_A_CORE * count // each)
                row = load_server(session, server, each, seconds, connections)
                rows.append({"cores": count, "workers": workers, "texts_each": each} | row)
    with on_cores(everything[:count]):
        after = limit.measure()
    for row in rows:
        row["limit"] = mean((before, after))
        say(
            f"  {count} cores, {workers} workers, {row['texts_each']} texts a request: "
            f"{row['texts_per_second']:.0f} texts/s, {_share(row):.2f} of the limit"
        )
    return rows, after


@contextmanager
def on_cores(cores: Sequence[int]) -> Iterator[None]:
    """Let this process, and those that it starts meanwhile, run on these cores alone."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def render_cores(results: dict[str, Any]) -> str:
    """Return the page of a run."""
    head = (
        f"# Cores and workers\n\n{results['when']}; {machine_line(results['machine'])}. "
        f"{results['title']}. Made by `python -m benchmarks.measures.cores`; shares are of the "
        "limit on the same cores just before and after, and the best of each is bold.\n"
    )
    return "\n".join([head, *cores_table(results["rows"])]) + "\n"


def cores_table(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Return a line for each number of cores and of texts in a request."""
    lines = [
        "| cores | texts a request | limit texts/s | workers: share of the limit |",
        "| --: | --: | --: | --- |",
    ]
    for cores, each in sorted({(row["cores"], row["texts_each"]) for row in rows}):
        own = [row for row in rows if (row["cores"], row["texts_each"]) == (cores, each)]
        best = max(own, key=_share)
        cells = [
            f"{'**' * (row is best)}{row['workers']}: {_share(row):.2f}{'**' * (row is best)}"
            for row in own
        ]
        limit = mean(row["limit"] for row in own)
        lines.append(f"| {cores} | {each} | {limit:,.0f} | {', '.join(cells)} |")
    return lines


def _share(row: dict[str, Any]) -> float:
    share: float = row["texts_per_second"] / row["limit"]
    return share


def main() -> int:
    parser = make_parser("benchmarks.measures.cores", __doc__)
    parser.add_argument("--cores", type=int, nargs="+", metavar="N",
                        default=[len(os.sched_getaffinity(0))])  # fmt: skip
    parser.add_argument("--workers", type=int, nargs="+", default=list(WORKERS), metavar="N")
    parser.add_argument("--bundle", type=Path, metavar="FOLDER",
                        help="instead of the demo's")  # fmt: skip
    parser.add_argument("--sources", type=Path, metavar="FILE",
                        help="of its texts: JSON lines with a text")  # fmt: skip
    options = parser.parse_args()

    def measure() -> None:
        if options.bundle is None:
            session = open_demo_session(options, QUICK)
        else:
            served = ServedModel(options.bundle.parent.name, options.bundle, "int8")
            options.build.mkdir(parents=True, exist_ok=True)
            session = make_session(served, QUICK, options.build.resolve(), options.sources)
        head = session.describe() | {"title": f"{session.served.title}, int8"}
        options.out.mkdir(parents=True, exist_ok=True)

        def keep(rows: list[dict[str, Any]]) -> None:
            results = head | {"rows": rows}
            (options.out / "cores.json").write_text(json.dumps(results, indent=1) + "\n")
            (options.out / "cores.md").write_text(render_cores(results))

        measure_cores(session, options.cores, options.workers, keep)

    return run_command(measure)


if __name__ == "__main__":
    sys.exit(main())
