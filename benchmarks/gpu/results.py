"""The results of a run, written after every part, so that a later failure loses nothing."""

import json
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.gpu.report import render_gpu_results
from benchmarks.session import say

FILE = "results.json"
# Of a part that failed, the last lines of what was raised.
TRACE_LINES = 12


class Results:
    """What `out` holds already, joined with what is added; a stage of its own process adds to it.

    Attributes:
        found: by stage; `failed` holds reasons by stage and part.
    """

    def __init__(self, out: Path) -> None:
        self._out = out
        path = out / FILE
        self.found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}

    def keep(self, stage: str, found: Any) -> None:
        """Add or replace what a stage found, and write results.json and results.md."""
        self.found[stage] = found
        self._out.mkdir(parents=True, exist_ok=True)
        # A stage may be ended at any time: the file is always whole.
        staged = self._out / f".{FILE}"
        staged.write_text(json.dumps(self.found, indent=1) + "\n")
        staged.rename(self._out / FILE)
        (self._out / "results.md").write_text(render_gpu_results(self.found))

    def fail(self, part: str, reason: str) -> None:
        """Note why a part was not measured."""
        say(f"  {part}: {reason.splitlines()[-1]}")
        self.keep("failed", self.found.get("failed", {}) | {part: reason})

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Note what the block raises, and go on: what comes next may still be measured."""
        try:
            yield
        except Exception as exc:  # runtimes, compilers and exporters raise anything
            trace = traceback.format_exception(exc)
            self.fail(name, "".join(trace[-TRACE_LINES:]).strip())
