"""Memory over a million requests: samples the resident set of a server under mixed load.

`python -m benchmarks.measures.memory` writes memory.md and memory.json.
"""

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.errors import BenchmarkError
from benchmarks.load.wrk import closed_loop
from benchmarks.plan import CONNECTIONS, FULL
from benchmarks.report.machine import machine_line
from benchmarks.servers.contenders import CLASSMARK
from benchmarks.servers.processes import resident_bytes
from benchmarks.servers.servers import Server
from benchmarks.session import BenchmarkSession, make_parser, open_demo_session, run_command, say

SETTLED_AFTER = 50_000
SLICE_SECONDS = 20
# Texts are shorter than the benchmark's, so that a million take minutes and not hours.
TEXT_TOKENS = 8
# Every 256th text has 512 tokens, so that the arena meets its largest shapes too.
LONG_EVERY = 256


@dataclass(frozen=True, slots=True)
class Sample:
    """The resident set of all server processes after a number of requests."""

    requests: int
    resident_bytes: int


def measure_memory(session: BenchmarkSession, requests: int) -> list[Sample]:
    """Load a server until it has answered the requests; take a sample after each slice."""
    with session.serving(CLASSMARK) as server:
        bodies = _bodies(session, server)
        samples: list[Sample] = []
        answered = 0
        while answered < requests:
            closed = closed_loop(server.port, CLASSMARK.path, bodies, CONNECTIONS, SLICE_SECONDS)
            if closed.failed:
                raise BenchmarkError(
                    f"{closed.failed} requests got no answer after {answered} that did; look into "
                    "the server's log"
                )
            answered += closed.requests - closed.refused
            samples.append(Sample(answered, resident_bytes(server.pid)))
            say(f"  {answered} requests, {samples[-1].resident_bytes / 1e6:.0f} MB")
    return samples


def growth(samples: list[Sample]) -> float:
    """Return the share by which the largest settled sample exceeds the first settled one."""
    settled = [one for one in samples if one.requests >= SETTLED_AFTER]
    if len(settled) < 2:
        raise BenchmarkError(
            f"{samples[-1].requests} requests are too few: memory settles over the first "
            f"{SETTLED_AFTER}; ask for more"
        )
    return max(one.resident_bytes for one in settled) / settled[0].resident_bytes - 1


def _bodies(session: BenchmarkSession, server: Server) -> list[bytes]:
    long_texts = session.workload.long_texts
    bodies = []
    for number, text in enumerate(session.workload.texts):
        bodies.append(server.body(text))
        if number % LONG_EVERY == 0:
            bodies.append(server.body(long_texts[number // LONG_EVERY % len(long_texts)]))
    return bodies


def write_memory(session: BenchmarkSession, samples: list[Sample], out: Path) -> None:
    """Write the table and the samples into a folder."""
    head = session.describe()
    results = {name: head[name] for name in ("when", "machine", "workload")} | {
        "subject": f"{session.served.title}, {session.served.precision}",
        "growth": growth(samples),
        "samples": [asdict(one) for one in samples],
    }
    out.mkdir(parents=True, exist_ok=True)
    (out / "memory.json").write_text(json.dumps(results, indent=1) + "\n")
    (out / "memory.md").write_text(_render_memory(results))
    say(f"wrote {out / 'memory.md'}: {results['growth']:+.1%}")


def _render_memory(results: dict[str, Any]) -> str:
    samples = results["samples"]
    marks = [int(share * (len(samples) - 1)) for share in (0, 0.05, 0.1, 0.25, 0.5, 0.75, 1)]
    rows = [
        f"| {samples[i]['requests']} | {samples[i]['resident_bytes'] / 1e6:.0f} |"
        for i in dict.fromkeys(marks)
    ]
    return (
        f"# Memory over {samples[-1]['requests']} requests\n\n"
        f"{results['when']}; {results['subject']}; {machine_line(results['machine'])}. "
        f"{CONNECTIONS} connections, one text a request, "
        f"lengths lognormal with a median of {TEXT_TOKENS} tokens, every {LONG_EVERY}th text of "
        "512.\n\n"
        f"From {SETTLED_AFTER} requests on the largest resident set was "
        f"**{results['growth']:+.1%}** beside the first. Made by "
        "`python -m benchmarks.measures.memory`; all samples are in [memory.json](memory.json).\n\n"
        "| requests | resident MB |\n| --: | --: |\n" + "\n".join(rows) + "\n"
    )


def main() -> int:
    parser = make_parser("benchmarks.measures.memory", __doc__)
    parser.add_argument("--requests", type=int, default=1_000_000)
    options = parser.parse_args()

    def measure() -> None:
        session = open_demo_session(options, FULL, TEXT_TOKENS)
        write_memory(session, measure_memory(session, options.requests), options.out)

    return run_command(measure)


if __name__ == "__main__":
    sys.exit(main())
