"""The candidate that is taken: the fastest that passes, batch-invariant ones first."""

from pathlib import Path

from app.bundle.measured import Parity
from export.graphs.convert import Graph
from export.parity.agreement import Agreement
from export.parity.candidate import Candidate, MissedGate, best
from export.parity.measure import Measurement
from export.parity.tolerances import Tolerance


def candidate(name: str, speed: float, agreement: float = 1.0, moved: float = 0.0) -> Candidate:
    parity = Parity(
        inputs=10,
        agreement=agreement,
        max_score_difference=0.0,
        batch_agreement=1.0,
        batch_max_score_difference=moved,
        golden_max_score_difference=0.0,
    )
    labels = Agreement(round(1000 * agreement), 1000, 0.0)
    measured = Measurement(parity, 0, {}, {}, "accuracy", speed, 5.0, 2, labels)
    graph = Graph(Path(name), "int8", (), 18, name)
    return Candidate(graph, measured, Tolerance(agreement=0.98))


def test_the_fastest_that_passes_and_is_batch_invariant_is_taken() -> None:
    slow, fast = candidate("slow", 100.0), candidate("fast", 200.0)
    wrong = candidate("wrong", 300.0, agreement=0.9)
    dependent = candidate("dependent", 400.0, moved=0.1)
    assert best([slow, fast, wrong, dependent]) is fast
    assert best([wrong, dependent]) is dependent
    assert best([wrong]) is None
    assert best([]) is None


def test_a_figure_beyond_its_limit_is_named_with_both_numbers() -> None:
    wrong = candidate("wrong", 300.0, agreement=0.9)
    assert wrong.problems == ["agreement 0.9000 where >= 0.98 is needed"]
    assert str(wrong).endswith("batch-invariant; agreement 0.9000 where >= 0.98 is needed")


def test_a_missed_precision_names_its_closest_try_on_one_short_line() -> None:
    tried = [candidate(f"{share}", 1.0, agreement=share) for share in (0.5, 0.9, 0.7)]
    missed = str(MissedGate.of("int8", tried))
    assert missed.startswith("int8 misses its gate (")
    assert "best of 3 tries: agreement 0.9000 where >= 0.98 is needed" in missed
