"""Memory over a million requests: a server under mixed load, its resident set sampled.

`python -m benchmarks.measures.memory` writes memory.md, memory.json and memory.svg.
"""

import argparse
import json
import os
import sys
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.errors import BenchmarkError
from benchmarks.load.wrk import check_installed, closed_loop
from benchmarks.plan import CONNECTIONS, FULL
from benchmarks.report.machine import describe_machine
from benchmarks.report.plots import draw_memory
from benchmarks.report.processes import descendants
from benchmarks.servers.contenders import CLASSMARK
from benchmarks.servers.servers import Server
from benchmarks.session import Bench, make_bench, say
from benchmarks.subjects.bundles import minilm

SETTLED_AFTER = 50_000
SLICE_SECONDS = 20
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
# Shorter texts than the benchmark's, so that a million take minutes and not hours.
TEXT_TOKENS = 8
# One text in so many is of 512 tokens, so that the arena meets its largest shapes too.
LONG_EVERY = 256


@dataclass(frozen=True, slots=True)
class Sample:
    """After so many requests, the resident set of all the server's processes."""

    requests: int
    resident_bytes: int


def measure_memory(bench: Bench, requests: int) -> list[Sample]:
    """Load a server until it has answered so many requests; sample it every few seconds."""
    with bench.serving(CLASSMARK) as server:
        bodies = _bodies(bench, server)
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


def resident_bytes(pid: int) -> int:
    """Return the resident set of a process and everything below it."""
    pages = (int(Path(f"/proc/{one}/statm").read_text().split()[1]) for one in descendants(pid))
    return sum(pages) * PAGE_BYTES


def growth(samples: list[Sample]) -> float:
    """Return how much the largest sample exceeds the first one after the settling, as a share."""
    settled = [one for one in samples if one.requests >= SETTLED_AFTER]
    if len(settled) < 2:
        raise BenchmarkError(
            f"{samples[-1].requests} requests tell nothing: memory settles over the first "
            f"{SETTLED_AFTER}; ask for more"
        )
    return max(one.resident_bytes for one in settled) / settled[0].resident_bytes - 1


def _bodies(bench: Bench, server: Server) -> list[bytes]:
    long_texts = bench.workload.long_texts
    bodies = []
    for number, text in enumerate(bench.workload.texts):
        bodies.append(server.body(text))
        if number % LONG_EVERY == 0:
            bodies.append(server.body(long_texts[number // LONG_EVERY % len(long_texts)]))
    return bodies


def write(bench: Bench, samples: list[Sample], out: Path) -> None:
    """Write the table, the samples and the plot into a folder."""
    machine = describe_machine()
    results: dict[str, Any] = {
        "when": datetime.now(UTC).date().isoformat(),
        "machine": machine,
        "subject": f"{bench.subject.title}, {bench.subject.precision}",
        "growth": growth(samples),
        "samples": [asdict(one) for one in samples],
    }
    out.mkdir(parents=True, exist_ok=True)
    (out / "memory.json").write_text(json.dumps(results, indent=1) + "\n")
    (out / "memory.md").write_text(_render(results))
    draw_memory(results, out / "memory.svg")
    say(f"wrote {out / 'memory.md'}: {results['growth']:+.1%}")


def _render(results: dict[str, Any]) -> str:
    machine, samples = results["machine"], results["samples"]
    versions = ", ".join(f"{name} {v}" for name, v in machine["packages"].items())
    marks = [int(share * (len(samples) - 1)) for share in (0, 0.05, 0.1, 0.25, 0.5, 0.75, 1)]
    rows = [
        f"| {samples[i]['requests']} | {samples[i]['resident_bytes'] / 1e6:.0f} |"
        for i in dict.fromkeys(marks)
    ]
    return (
        f"# Memory over {samples[-1]['requests']} requests\n\n"
        f"{results['when']}; {results['subject']}; {machine['cpus']} CPUs of {machine['cpu']}; "
        f"Python {machine['python']}, {versions}. {CONNECTIONS} connections, one text a request, "
        f"lengths lognormal with a median of {TEXT_TOKENS} tokens, every {LONG_EVERY}th text of "
        "512.\n\n"
        f"From {SETTLED_AFTER} requests on the largest resident set was "
        f"**{results['growth']:+.1%}** beside the first. Made by "
        "`python -m benchmarks.measures.memory`; all samples are in [memory.json](memory.json).\n\n"
        "| requests | resident MB |\n| --: | --: |\n" + "\n".join(rows) + "\n\n"
        "![Resident set over the requests](memory.svg)\n"
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.measures.memory", description=__doc__
    )
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--out", type=Path, default=Path("docs/benchmarks"), metavar="FOLDER")
    parser.add_argument(
        "--checkpoint", type=Path, default=Path("build/checkpoints/sentiment"), metavar="FOLDER"
    )
    parser.add_argument("--build", type=Path, default=Path("build/bench"), metavar="FOLDER")
    options = parser.parse_args()
    try:
        check_installed()
        folder = options.build.resolve()
        folder.mkdir(parents=True, exist_ok=True)
        subject = minilm(options.checkpoint, folder)
        bench = make_bench(subject, FULL, folder, options.checkpoint / "eval.jsonl", TEXT_TOKENS)
        write(bench, measure_memory(bench, options.requests), options.out)
    except BenchmarkError as exc:
        sys.stderr.write(f"error: {exc}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
