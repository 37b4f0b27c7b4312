"""Writes what starts took: cold-start.md and cold-start.json."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.measures.cold_start.starts import Start
from benchmarks.report.machine import cpu_line, describe_machine, machine_line
from benchmarks.report.statistics import spread

COMMAND = "python -m benchmarks.measures.cold_start"


def write_starts(found: Mapping[str, Sequence[Start]], image: bool, out: Path) -> Path:
    """Write the files into a folder; return the table's path.

    Args:
        found: the starts by what was there before them.
        image: whether an unpacked image was started, and not this environment.
    """
    results = {
        "when": datetime.now(UTC).date().isoformat(),
        "machine": describe_machine(),
        "image": image,
        "starts": {name: [asdict(one) for one in starts] for name, starts in found.items()},
    }
    out.mkdir(parents=True, exist_ok=True)
    (out / "cold-start.json").write_text(json.dumps(results, indent=1) + "\n")
    table = out / "cold-start.md"
    table.write_text(render_starts(results))
    return table


def render_starts(results: Mapping[str, Any]) -> str:
    """Return the page: medians with the least and the greatest, in seconds."""
    starts: Mapping[str, list[dict[str, Any]]] = results["starts"]
    first = next(iter(starts.values()))
    models = list(first[0]["loads"])
    rows = [
        f"| {name} | " + " | ".join(_cells(many, models)) + " |" for name, many in starts.items()
    ]
    heads = ["bytecode", "listening", *(f"load {name}" for name in models), "ready", "CPU"]
    # The versions in an image are those of its own.
    machine = (cpu_line if results["image"] else machine_line)(results["machine"])
    where = "the unpacked image" if results["image"] else "this environment"
    return (
        "# From start to ready\n\n"
        f"{results['when']}; {machine}. The service of {where} was "
        f"started anew {len(first)} times in each row, on a store with the int8 graphs of "
        f"{', '.join(models)}; the rows took turns, and what they read was in the page cache. "
        f"Made by `{COMMAND}`; all starts are in [cold-start.json](cold-start.json).\n\n"
        f"**Ready after {median(one['ready'] for one in first):.1f} s.** All in seconds, medians "
        "with the least and the greatest: *listening* until the first answer of any kind (the "
        "interpreter, imports, the application), *load* of the models (checksum, tokenizer, "
        "session, golden cases, cost of batches, memory), *ready* until `/health/ready` says yes, "
        "*CPU* what the process had used by then, which depends less on what else runs.\n\n"
        f"| {' | '.join(heads)} |\n| ---{' | --:' * (len(heads) - 1)} |\n" + "\n".join(rows) + "\n"
    )


def _cells(starts: Sequence[Mapping[str, Any]], models: Sequence[str]) -> list[str]:
    columns = [[one["listening"] for one in starts]]
    columns += [[one["loads"][name] for one in starts] for name in models]
    columns += [[one[key] for one in starts] for key in ("ready", "cpu")]
    return [f"{median(seconds):.2f} ({_range(seconds)})" for seconds in columns]


def _range(seconds: Sequence[float]) -> str:
    least, greatest = spread(seconds)
    return f"{least:.2f}-{greatest:.2f}"
