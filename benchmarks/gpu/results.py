"""The files of a run, written after every part: what was measured survives what comes next."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.gpu.device import describe
from benchmarks.gpu.plots import draw_all
from benchmarks.gpu.progress import say
from benchmarks.gpu.report import render

FILE = "results.json"


class Results:
    """What `out` holds, joined with what is measured now.

    Stages and networks of an earlier run on the same device are kept, so that a long benchmark may
    be made by several short commands; those of another device are dropped.
    """

    def __init__(self, out: Path, device: str) -> None:
        self._out = out
        machine = describe(device)
        earlier = read(out / FILE) if (out / FILE).exists() else {}
        if earlier.get("machine", {}).get("gpu") != machine.get("gpu"):
            earlier = {}
        self.found: dict[str, Any] = earlier | {
            "when": datetime.now(UTC).date().isoformat(),
            "device": device,
            "machine": machine,
        }

    def keep(self, stage: str, found: dict[str, Any], network: str | None = None) -> None:
        """Put in a stage's results, or one network's of it, and write the files."""
        if network is None:
            self.found[stage] = found
        else:
            self.found.setdefault(stage, {})[network] = found
        write(self.found, self._out)


def read(path: Path) -> dict[str, Any]:
    """Return the results of an earlier run."""
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def write(results: dict[str, Any], out: Path) -> None:
    """Write results.json and results.md."""
    out.mkdir(parents=True, exist_ok=True)
    (out / FILE).write_text(json.dumps(results, indent=1) + "\n")
    (out / "results.md").write_text(render(results))


def draw(results: dict[str, Any], out: Path) -> None:
    """Draw the plots, or say how to have them drawn elsewhere."""
    if draw_all(results, out):
        say(f"drew the plots in {out}")
    else:
        say(f"no plots: matplotlib is missing; elsewhere: python -m benchmarks.gpu --plot {FILE}")
