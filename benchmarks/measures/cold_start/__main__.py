"""Time from starting the service to ready, with three int8 bundles; writes cold-start.md."""

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from app.bundle.base import Precision
from benchmarks.errors import BenchmarkError
from benchmarks.measures.cold_start.report import COMMAND, write_starts
from benchmarks.measures.cold_start.starts import Place, Start, start_once
from benchmarks.session import say
from benchmarks.subjects.copies import copy_graph

PRECISION: Precision = "int8"
MODELS = ("sentiment", "topic", "ner")
ROWS = {"kept": True, "none": False}


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    cli = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    cli.add_argument("--out", type=Path, default=Path("docs/benchmarks"), metavar="FOLDER")
    cli.add_argument("--store", type=Path, default=Path("models"), help="the demo models'")
    cli.add_argument("--build", type=Path, default=Path("build/bench"), metavar="FOLDER")
    cli.add_argument("--starts", type=int, default=10, metavar="N", help="in each row")
    cli.add_argument("--root", type=Path, help="start an unpacked image; needs a Linux root user")
    return cli


def measure(options: argparse.Namespace) -> dict[str, list[Start]]:
    """Start the service with and without bytecode in turn; one start before them warms caches."""
    root = options.root.resolve() if options.root else None
    folder = (options.build / "cold-start").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    place = Place(folder, root)
    store = (root or folder) / "cold-start-store"
    try:
        _fill(store, options.store)
        found: dict[str, list[Start]] = {name: [] for name in ROWS}
        start_once(place, store, PRECISION, bytecode=True)
        for number in range(options.starts):
            for name, bytecode in ROWS.items():
                found[name].append(start_once(place, store, PRECISION, bytecode=bytecode))
            say(f"  {number + 1}: " + ", ".join(f"{found[n][-1].ready:.2f} s" for n in ROWS))
        return found
    finally:
        shutil.rmtree(store, ignore_errors=True)


def _fill(store: Path, source: Path) -> None:
    shutil.rmtree(store, ignore_errors=True)
    for name in MODELS:
        bundle = source / name / "1"
        if not (bundle / "manifest.json").is_file():
            raise BenchmarkError(f"{bundle} is no bundle; make the demo models: make models")
        copy_graph(bundle, store / name / "1", PRECISION)


def main(argv: Sequence[str] | None = None) -> int:
    options = parser().parse_args(argv)
    try:
        found = measure(options)
    except BenchmarkError as exc:
        sys.stderr.write(f"error: {exc}\n")
        return 1
    say(f"wrote {write_starts(found, options.root is not None, options.out)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
