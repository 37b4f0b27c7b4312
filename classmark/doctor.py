"""`classmark doctor`: say what this machine can do, and what to mend before it serves."""

import argparse
import sys

from app.errors import StoreError
from app.memory import read_memory
from classmark.finding import Finding
from classmark.installation import look_at_installation
from classmark.machine import look_at_machine
from classmark.store.entry import StoreEntry
from classmark.store.place import default_place, read_store


def main() -> int:
    """Print what was found, worst last; return 1 if something is to be mended, else 0."""
    parser = argparse.ArgumentParser(
        description="Say what this machine can do, and what to mend; exit code 1 if anything is."
    )
    parser.add_argument(
        "--store", default=default_place(), help="model store; default: %(default)s"
    )
    parser.add_argument("--checksums", action="store_true", help="read all files of the store too")
    options = parser.parse_args()
    findings = look_at_machine() + look_at_installation()
    findings += look_at_store(options.store, checksums=options.checksums)
    for finding in findings:
        sys.stdout.write(f"{finding}\n")
    return 1 if any(finding.level == "fault" for finding in findings) else 0


def look_at_store(store: str, *, checksums: bool) -> list[Finding]:
    """Tell whether every version can be loaded, and all wanted ones together."""
    try:
        entries = read_store(store, checksums=checksums)
    except (ValueError, OSError, StoreError) as exc:
        return [Finding("store", str(exc), "fault")]
    faults = [Finding("store", f"{one.name}: {one.fault}", "fault") for one in entries if one.fault]
    if not entries:
        remedy = "`classmark export CHECKPOINT --name NAME` puts one there"
        return [Finding("store", f"{store} holds no model", "fault", remedy)]
    return [_summary(store, entries), *faults]


def _summary(store: str, entries: list[StoreEntry]) -> Finding:
    wanted = [one.manifest for one in entries if one.wanted and one.manifest]
    taken = sum(min(graph.total_bytes for graph in one.graphs.values()) for one in wanted)
    text = f"{store}: {len(wanted)} models can serve, their smallest graphs {taken / 1e6:.0f} MB"
    memory = read_memory()
    if memory is not None and taken > memory.available:
        remedy = "serve fewer models, or give it more memory"
        return Finding("store", f"{text}, more than memory has free", "fault", remedy)
    return Finding("store", text)
