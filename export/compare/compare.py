"""Compare two versions on the same texts: show what changed, and fail if it is too much."""

from dataclasses import dataclass
from pathlib import Path

from app.bundle.base import Precision
from export.compare.comparison import compare_answers
from export.compare.question import answer_question, choose_question
from export.compare.report import show_changes, show_figures, show_verdict, write_figures
from export.compare.subjects import answer, check_alike, read_subject, share_names
from export.errors import ExportError
from export.options import Expectation
from export.parity.tolerances import Tolerance
from export.progress import Progress
from export.reference.examples import read_inputs
from offline.readers.layout import Layout


@dataclass(frozen=True, slots=True)
class CompareRequest:
    """The options of a comparison.

    Attributes:
        a, b: each a bundle or a checkpoint; a is the trusted one.
        expect: what is asked of B; None to go by the weights.
        precision: the graph of a bundle; None for the one that a CPU serves.
        show: number of changed answers to list.
        figures: JSON file to write the figures to.
    """

    a: Path
    b: Path
    data: Path
    tolerance: Tolerance
    expect: Expectation | None = None
    precision: Precision | None = None
    show: int = 20
    figures: Path | None = None
    layout: Layout = Layout()


def compare_versions(request: CompareRequest, progress: Progress) -> int:
    """Compare B with A and return the exit code: 0, or 1 if B is not what is asked.

    Raises:
        ExportError: the two cannot be compared, or a file cannot be read or written.
    """
    if request.show < 0:
        raise ExportError(f"--show {request.show}: give 0 or more changed answers to list")
    a, b = share_names(*(read_subject(path, request.precision) for path in (request.a, request.b)))
    check_alike(a, b)
    if request.precision and not (a.is_bundle or b.is_bundle):
        remedy = f"leave --precision {request.precision} out"
        raise ExportError(f"{a.path} and {b.path} are checkpoints, without graphs; {remedy}")
    inputs, examples = read_inputs(request.data, a.config, progress.line, request.layout)
    question = choose_question(request.expect, a, b, len(examples))
    strategy = b.strategy or a.strategy or "first"
    answered = []
    for name, subject in (("A", a), ("B", b)):
        with progress.step(f"{name}: answer {len(inputs)} texts with {subject.path}"):
            answered.append(answer(subject, a.config.labels, inputs, examples, strategy))
            progress.found(answered[-1].served)
    found = compare_answers(*answered)
    verdict = answer_question(question, found, request.tolerance)
    for line in (
        *show_figures(found),
        *show_changes(found, request.show),
        *show_verdict(question, found, verdict),
    ):
        progress.line(line)
    if request.figures is not None:
        write_figures(request.figures, answered, found, request.tolerance, question, verdict)
    return 1 if verdict.problems else 0
