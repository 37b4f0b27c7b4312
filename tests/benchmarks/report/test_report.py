"""The report shows every contender, those that could not run too."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks.report.report import render_results, summarise
from benchmarks.servers.contenders import FULL


def row(rate: float, limit: float) -> dict[str, Any]:
    return {"texts_per_second": rate, "limit": limit, "p50": 0.05, "p99": 0.2,
            "cpu_seconds_per_text": 0.004, "peak_bytes": 200_000_000,
            "start_seconds": 3.0}  # fmt: skip


@pytest.fixture
def results() -> dict[str, Any]:
    load = {"pattern": "poisson", "load": 1.5, "p50": 0.02, "p90": 0.03, "p99": 0.09,
            "goodput_of_capacity": 0.95, "refused_share": 0.34, "refusal_p50": 0.004}  # fmt: skip
    subject = {
        "title": "A model", "name": "a", "precision": "int8", "limits": [100.0, 50.0],
        "fp32_shares": [0.4, 0.4], "agreement": 0.9931, "encoding_shares": [0.96, 0.98],
        "contenders": {"Slow": [row(20.0, 100.0), row(10.0, 50.0)],
                       "Classmark": [row(95.0, 100.0), row(46.0, 50.0)]},
        "tunings": {"Slow": "batch 32"}, "failed": {"Broken": "did not\nstart"},
        "latency": {
            "open_loop": [load, load | {"load": 0.3, "refusal_p50": None, "refused_share": 0.0}],
            "alone": {"http": 0.004, "bare": 0.003, "over": 0.001},
            "long_texts": {"without": 0.02, "with": 0.05, "growth": 0.031, "one_run": 0.06},
            "rounds": [{}, {}],
        },
    }  # fmt: skip
    machine = {"cpu": "A CPU", "cpus": 2, "flags": ["BF16"], "python": "3.11",
               "packages": {"onnxruntime": "1"}}  # fmt: skip
    workload = {"texts": 2, "median_tokens": 22.0, "mean_tokens": 28.0, "longest_tokens": 180}
    return {"plan": "quick", "rounds": 2, "when": "today", "objective_seconds": 0.1,
            "machine": machine, "workload": workload, "subjects": [subject]}  # fmt: skip


def test_the_report_names_all_that_was_measured_and_what_was_not(results: dict[str, Any]) -> None:
    text = render_results(results)
    assert "| Classmark | 0.94 | 0.92 to 0.95 |" in text
    assert "| Slow (batch 32) | 0.20 |" in text
    assert "- Broken: did not start" in text
    assert "2.34 times the offline limit of the fp32 graph" in text
    assert "for 99.3% of the texts" in text
    assert "| poisson | 150% | 20.0 | 30.0 | 90.0 | 95% | 34% | 4.0 |" in text
    assert "median 4.00 ms, 1.00 ms over" in text
    assert "50 ms with, 31 ms more; one long run alone takes 60 ms" in text


def test_the_best_comes_first(results: dict[str, Any]) -> None:
    assert [one["name"] for one in summarise(results["subjects"][0])] == ["Classmark", "Slow"]


def test_every_peer_has_its_program_and_pinned_versions() -> None:
    for contender in FULL:
        if contender.peer is None:
            continue
        folder = Path(__file__).parents[3] / "benchmarks" / "servers" / "peers" / contender.peer
        assert (folder / "app.py").is_file()
        if contender.peer != "plain":
            lines = (folder / "requirements.txt").read_text().splitlines()
            assert all("==" in line for line in lines), contender.name
