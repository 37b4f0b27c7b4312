"""`python -m benchmarks.measures.score`: scoring a large file beside the limit, and killed.

A CSV of the benchmark's texts, repeated, is scored once undisturbed, with the limit just before and
just after, and once killed at random places and started again. Both outputs must be equal.
"""

import csv
import hashlib
import json
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean

from benchmarks.errors import BenchmarkError
from benchmarks.measures.limit import find_limit
from benchmarks.plan import FULL
from benchmarks.report.machine import machine_line
from benchmarks.servers.processes import usage
from benchmarks.session import BenchmarkSession, make_parser, open_demo_session, run_command, say
from benchmarks.subjects.workload import SEED
from score.readers.rows import CHUNK_ROWS

LOOK_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class ScoredFile:
    """An undisturbed run, and what the killed one came to.

    Attributes:
        limit: texts/s of the offline limit around the run.
        killed_after: parts that were there at each kill.
        equal: the killed run's output is the undisturbed one's, byte for byte.
    """

    rows: int
    texts_per_second: float
    limit: float
    peak_bytes: int
    killed_after: list[int]
    equal: bool


def measure_score(session: BenchmarkSession, rows: int, kills: int) -> ScoredFile:
    """Score a file of so many rows; raise BenchmarkError if a run fails."""
    folder = session.folder / "score"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    source = folder / "texts.csv"
    write_source(source, session.workload.texts, rows)
    limit = find_limit(
        session.served, session.served.precision, session.texts_file, session.plan.limit_seconds
    )
    before = limit.measure()
    say(f"{rows} rows undisturbed")
    started = time.monotonic()
    peak = run_to_end(start(session, source, folder / "whole.jsonl"))
    rate = rows / (time.monotonic() - started)
    around = mean([before, limit.measure()])
    say(f"  {rate:.0f} texts/s, {rate / around:.2f} of the limit, {peak / 1e6:.0f} MB at most")
    parts = -(-rows // CHUNK_ROWS)
    places = sorted(random.Random(SEED).sample(range(1, parts), min(kills, parts - 1)))
    run_killed(session, source, folder / "killed.jsonl", places)
    equal = digest(folder / "whole.jsonl") == digest(folder / "killed.jsonl")
    return ScoredFile(rows, rate, around, peak, places, equal)


def write_source(path: Path, texts: tuple[str, ...], rows: int) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text"])
        writer.writerows([number, texts[number % len(texts)]] for number in range(rows))


def start(session: BenchmarkSession, source: Path, out: Path) -> subprocess.Popen[bytes]:
    served = session.served
    command = [sys.executable, "-m", "classmark", "score", str(source), "--model", served.name]
    command += ["--store", str(served.store), "--id-column", "id", "--out", str(out)]
    return subprocess.Popen(command, stderr=subprocess.DEVNULL)


def run_to_end(process: subprocess.Popen[bytes]) -> int:
    """Wait for a run; return the largest resident set that it had, in bytes."""
    peak = 0
    while process.poll() is None:
        peak = max(peak, usage(process.pid).peak_bytes)
        time.sleep(LOOK_SECONDS)
    if code := process.wait():
        raise BenchmarkError(f"classmark score ended with {code}; run it by hand to see why")
    return peak


def run_killed(session: BenchmarkSession, source: Path, out: Path, places: Sequence[int]) -> None:
    """Run to the end, but kill the run whenever so many parts are there."""
    for place in places:
        say(f"  killed after {place} parts")
        process = start(session, source, out)
        while process.poll() is None and count_parts(out) < place:
            time.sleep(LOOK_SECONDS)
        process.kill()
        process.wait()
    run_to_end(start(session, source, out))


def count_parts(out: Path) -> int:
    return len(list(out.with_name(f"{out.name}.parts").glob("part-*")))


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def render(session: BenchmarkSession, found: ScoredFile) -> str:
    head = session.describe()
    return (
        f"# Scoring a file of {found.rows} rows\n\n"
        f"{head['when']}; {session.served.title}, {session.served.precision}; "
        f"{machine_line(head['machine'])}. Made by `python -m benchmarks.measures.score`.\n\n"
        "| texts/s | share of the limit | peak MB | killed after parts | output equal |\n"
        "| --: | --: | --: | --- | --- |\n"
        f"| {found.texts_per_second:.0f} | {found.texts_per_second / found.limit:.2f} | "
        f"{found.peak_bytes / 1e6:.0f} | {', '.join(map(str, found.killed_after))} of "
        f"{-(-found.rows // CHUNK_ROWS)} | {'yes' if found.equal else 'NO'} |\n"
    )


def main() -> int:
    parser = make_parser("benchmarks.measures.score", __doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--kills", type=int, default=3)
    options = parser.parse_args()

    def measure() -> None:
        session = open_demo_session(options, FULL)
        found = measure_score(session, options.rows, options.kills)
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "score.json").write_text(json.dumps(asdict(found), indent=1) + "\n")
        (options.out / "score.md").write_text(render(session, found))
        say(f"wrote {options.out / 'score.md'}")

    return run_command(measure)


if __name__ == "__main__":
    sys.exit(main())
