"""`python -m benchmarks.measures.telemetry`: what it costs to measure, and to trace.

The service takes turns with one that counts nothing and with ones that trace, first with a real
model, then with one that takes no time. A request has one text. What a request takes of the CPU is
told apart in smaller parts than requests a second, which also depend on what else the machine does.
"""

import json
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.errors import BenchmarkError
from benchmarks.load.wrk import closed_loop
from benchmarks.measures.dialects import TIMELESS
from benchmarks.plan import CONNECTIONS, FULL, QUICK, rotate
from benchmarks.report.machine import machine_line
from benchmarks.servers.contenders import Contender
from benchmarks.servers.servers import Server
from benchmarks.servers.span_sink import span_sink
from benchmarks.session import BenchmarkSession, make_parser, open_demo_session, run_command, say


@dataclass(frozen=True, slots=True)
class Subject:
    """The service as it measures.

    Attributes:
        traced: share of its requests.
    """

    contender: Contender
    traced: float = 0.0

    def settings(self, collector: str) -> dict[str, str]:
        """Return the environment that switches traces on, if any request has one."""
        if not self.traced:
            return {}
        return {
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector,
            "OTEL_TRACES_SAMPLER": "traceidratio",
            "OTEL_TRACES_SAMPLER_ARG": str(self.traced),
        }


NOTHING = "measures nothing"
SUBJECTS = {
    NOTHING: Subject(replace(TIMELESS, name="unmeasured", module="benchmarks.servers.unmeasured")),
    "metrics": Subject(TIMELESS),
    "metrics, 1 % traced": Subject(replace(TIMELESS, name="some-traced"), 0.01),
    "metrics, all traced": Subject(replace(TIMELESS, name="all-traced"), 1.0),
}
REAL, NULL = "a real model", "a model that takes no time"
# Differences of a percent want more rounds than those that most measurements are after.
ROUNDS_A_ROUND = 2

Turn = dict[str, float]
Turns = dict[str, list[Turn]]


def measure_telemetry(session: BenchmarkSession) -> dict[str, Any]:
    """Return requests and CPU time of each model, subject and round."""
    with ExitStack() as running:
        collector = running.enter_context(span_sink())
        servers = {
            name: running.enter_context(session.serving(one.contender, one.settings(collector)))
            for name, one in SUBJECTS.items()
        }
        turns = {REAL: _take_turns(session, servers, REAL)}
        for server in servers.values():
            os.kill(server.pid, signal.SIGUSR1)
        turns[NULL] = _take_turns(session, servers, NULL)
    return session.describe() | {"plan": "telemetry", "turns": turns}


def _take_turns(session: BenchmarkSession, servers: Mapping[str, Server], model: str) -> Turns:
    turns: Turns = {name: [] for name in servers}
    for server in servers.values():
        _turn(session, server, 1)
    rounds = ROUNDS_A_ROUND * session.plan.rounds
    for number in range(rounds):
        say(f"{model}: round {number + 1} of {rounds}")
        for name in rotate(tuple(servers), number):
            turns[name].append(_turn(session, servers[name], session.plan.closed_seconds))
    return turns


def _turn(session: BenchmarkSession, server: Server, seconds: int) -> Turn:
    before = server.usage.cpu_seconds
    bodies = session.bodies(server)
    done = closed_loop(server.port, server.contender.path, bodies, CONNECTIONS, seconds)
    if done.refused or done.failed:
        name = server.contender.name
        raise BenchmarkError(f"{name}: {done.refused} refused, {done.failed} failed")
    return {
        "requests": done.requests,
        "requests_per_second": done.answers_per_second,
        "cpu_seconds": server.usage.cpu_seconds - before,
    }


def write_telemetry(results: dict[str, Any], out: Path) -> None:
    """Write telemetry.json and telemetry.md into a folder."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "telemetry.json").write_text(json.dumps(results, indent=1) + "\n")
    (out / "telemetry.md").write_text(render(results))
    say(f"wrote {out / 'telemetry.md'}")


def render(results: dict[str, Any]) -> str:
    """Return the page: medians of the rounds, and shares inside each round."""
    models: dict[str, Turns] = results["turns"]
    rounds = len(models[REAL][NOTHING])
    lines = [
        "# What it costs to measure",
        "",
        f"`python -m benchmarks.measures.telemetry`, {results['when']}, "
        f"{machine_line(results['machine'])}. One text a request, {CONNECTIONS} connections, "
        f"{rounds} rounds in turns; medians, and shares of the same round.",
        "",
        *(_sentence(name, models) for name in models[REAL] if name != NOTHING),
    ]
    for model, turns in models.items():
        lines += [
            "",
            f"## With {model}",
            "",
            "| the service | requests/s | CPU µs a request | of it to measure |",
            "| --- | --: | --: | --: |",
            *(_row(name, own, turns[NOTHING]) for name, own in turns.items()),
        ]
    return "\n".join(lines) + "\n"


def _sentence(name: str, models: dict[str, Turns]) -> str:
    """Return what is surest: the part of a real request that a request of no model tells of."""
    pairs = zip(models[NULL][name], models[NULL][NOTHING], strict=True)
    taken = median(_cpu(more) - _cpu(less) for more, less in pairs)
    share = taken / median(map(_cpu, models[REAL][name]))
    return (
        f"- {name}: {taken * 1e6:.1f} µs of CPU time a request, {share:.2%} of a request to "
        f"{REAL}, and so of its capacity."
    )


def _row(name: str, own: list[Turn], bare: list[Turn]) -> str:
    rate, cpu = median(turn["requests_per_second"] for turn in own), median(map(_cpu, own))
    cells = [name, f"{rate:,.0f}", f"{cpu * 1e6:.1f}"]
    shares = [1 - _cpu(less) / _cpu(more) for more, less in zip(own, bare, strict=True)]
    shown = f"{median(shares):.1%} ({min(shares):.1%} to {max(shares):.1%})"
    return f"| {' | '.join([*cells, '' if own is bare else shown])} |"


def _cpu(turn: Turn) -> float:
    return turn["cpu_seconds"] / turn["requests"]


def main() -> int:
    parser = make_parser("benchmarks.measures.telemetry", __doc__)
    parser.add_argument("--quick", action="store_true", help="a few short rounds")
    options = parser.parse_args()

    def measure() -> None:
        session = open_demo_session(options, QUICK if options.quick else FULL)
        write_telemetry(measure_telemetry(session), options.out)

    return run_command(measure)


if __name__ == "__main__":
    sys.exit(main())
