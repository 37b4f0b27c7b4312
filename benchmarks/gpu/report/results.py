"""The files of a run, written after every part, so that a later failure loses nothing."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.gpu.device import describe_device
from benchmarks.gpu.report.plots import draw_all
from benchmarks.gpu.report.report import render_gpu_results
from benchmarks.session import say

FILE = "results.json"


class Results:
    """The results in `out`, joined with those of this run.

    Stages and networks of an earlier run on the same device are kept, so that several short
    commands may make one long benchmark. Those of another device are dropped.
    """

    def __init__(self, out: Path, device: str) -> None:
        self._out = out
        machine = describe_device(device)
        earlier = read(out / FILE) if (out / FILE).exists() else {}
        if earlier.get("machine", {}).get("gpu") != machine.get("gpu"):
            earlier = {}
        self.found: dict[str, Any] = earlier | {
            "when": datetime.now(UTC).date().isoformat(),
            "device": device,
            "machine": machine,
        }

    def keep(self, stage: str, found: dict[str, Any], network: str | None = None) -> None:
        """Add the results of a stage, or of one network in it, and write the files."""
        if network is None:
            self.found[stage] = found
        else:
            self.found.setdefault(stage, {})[network] = found
        write_gpu_results(self.found, self._out)


def read(path: Path) -> dict[str, Any]:
    """Return the results of an earlier run."""
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def write_gpu_results(results: dict[str, Any], out: Path) -> None:
    """Write results.json and results.md."""
    out.mkdir(parents=True, exist_ok=True)
    (out / FILE).write_text(json.dumps(results, indent=1) + "\n")
    (out / "results.md").write_text(render_gpu_results(results))


def draw(results: dict[str, Any], out: Path) -> None:
    """Draw the plots, or say how to draw them on another machine."""
    if draw_all(results, out):
        say(f"drew the plots in {out}")
    else:
        say(f"no plots: matplotlib is missing; elsewhere: python -m benchmarks.gpu --plot {FILE}")
