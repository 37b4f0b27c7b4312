"""What measuring takes is told beside a service that measures nothing, round by round."""

from benchmarks.measures.telemetry import NOTHING, NULL, REAL, SUBJECTS, Turn, render

MACHINE = {"cpu": "a CPU", "cpus": 2, "python": "3.11", "packages": {}}


def turn(cpu_seconds: float, rate: float) -> Turn:
    return {"requests": 1000, "requests_per_second": rate, "cpu_seconds": cpu_seconds}


def test_shares_are_those_of_the_same_round() -> None:
    bare = [turn(0.10, 10_000), turn(0.20, 5_000), turn(0.30, 3_000)]
    own = [turn(0.11, 9_000), turn(0.20, 5_000), turn(0.33, 2_700)]
    real = [turn(2.0, 500)] * 3
    turns = {
        NULL: {NOTHING: bare, "metrics": own},
        REAL: {NOTHING: real, "metrics": real},
    }
    page = render({"when": "2026-11-28", "machine": MACHINE, "turns": turns})
    assert "| measures nothing | 5,000 | 200.0 |  |" in page
    assert "| 9.1% (0.0% to 9.1%) |" in page
    assert "- metrics: 10.0 µs of CPU time a request, 0.50% of a request to a real model" in page


def test_a_subject_differs_in_its_program_or_in_what_it_traces() -> None:
    ways = [(one.contender.module, one.traced) for one in SUBJECTS.values()]
    assert len(set(ways)) == len(ways)
    logs = [one.contender.name for one in SUBJECTS.values()]
    assert len(set(logs)) == len(logs)
    assert all(bool(one.settings("http://x")) == (one.traced > 0) for one in SUBJECTS.values())
