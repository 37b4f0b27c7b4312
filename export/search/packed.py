"""A packed graph made and held against the gate of fp16, or the reason why there is none."""

from pathlib import Path

from export.errors import PackingRefused
from export.graphs.packed.build import build_packed
from export.parity.candidate import Attempt, Gate


def try_packed(gate: Gate, target: Path) -> tuple[Attempt | None, str]:
    """Return the packed graph that passes its gate, or None and why there is none."""
    try:
        attempt = gate.try_graph("fp16 packed", lambda: build_packed(gate.checkpoint, target))
    except PackingRefused as exc:
        return None, str(exc)
    problems = list(attempt.problems)
    if not attempt.measured.batch_invariant:
        problems.append("answers depend on their neighbours")
    if problems:
        return None, f"misses its gate ({attempt.tolerance}): {', '.join(problems)}"
    return attempt, ""
