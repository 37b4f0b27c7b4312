"""Compare two versions on the same texts: say what changed, and whether it is too much."""

from dataclasses import dataclass
from pathlib import Path

from app.bundle import Precision
from export.compare.comparison import compare_sides
from export.compare.report import show_changes, show_figures, write_figures
from export.compare.subjects import answer, check_alike, read_source
from export.errors import ExportError
from export.parity.tolerances import Tolerance, missed
from export.progress import Progress
from export.reference.examples import read_inputs


@dataclass(frozen=True, slots=True)
class CompareRequest:
    """What the user asked for.

    Attributes:
        a, b: each a bundle or a checkpoint; b is held against a.
        precision: the graph of a bundle; None for what the CPU would serve.
        show: how many of the changed answers to list.
        figures: JSON file to write the figures to.
    """

    a: Path
    b: Path
    data: Path
    tolerance: Tolerance
    precision: Precision | None = None
    show: int = 20
    figures: Path | None = None


def compare_versions(request: CompareRequest, progress: Progress) -> int:
    """Compare B with A and return the exit code: 0, or 1 when a limit is missed.

    Raises:
        ExportError: the two cannot be compared, or a file cannot be read or written.
    """
    if request.show < 0:
        raise ExportError(f"--show {request.show}: give 0 or more changed answers to list")
    a, b = (read_source(path, request.precision) for path in (request.a, request.b))
    check_alike(a, b)
    if request.precision and not (a.is_bundle or b.is_bundle):
        remedy = f"leave --precision {request.precision} out"
        raise ExportError(f"{a.path} and {b.path} are checkpoints, without graphs; {remedy}")
    inputs, examples = read_inputs(request.data, a.config)
    strategy = b.strategy or a.strategy or "first"
    sides = []
    for name, source in (("A", a), ("B", b)):
        with progress.step(f"{name}: answer {len(inputs)} texts with {source.path}"):
            sides.append(answer(source, a.config.labels, inputs, examples, strategy))
            progress.found(sides[-1].served)
    found = compare_sides(*sides)
    problems = missed(
        request.tolerance, found.agreement, found.labels.score_difference, found.metric_loss
    )
    for line in (*show_figures(found), *show_changes(found, request.show)):
        progress.line(line)
    progress.line(f"FAILED: {'; '.join(problems)}" if problems else f"ok: {request.tolerance}")
    if request.figures is not None:
        write_figures(request.figures, sides, found, request.tolerance, problems)
    return 1 if problems else 0
