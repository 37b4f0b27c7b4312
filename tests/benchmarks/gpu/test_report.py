"""The check list holds what it should, and the page and the plots show all that there is."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.gpu.report.plots import draw_all
from benchmarks.gpu.report.report import render_gpu_results
from benchmarks.gpu.report.results import Results, read
from benchmarks.gpu.report.targets import check_all
from benchmarks.gpu.runners.lineup import CAPTURED, COMPILED, PADDED, TORCH


def stream(**rates: float) -> dict[str, Any]:
    names = {"captured": CAPTURED, "padded": PADDED, "torch": TORCH, "compiled": COMPILED}
    return {
        "tokens": 28.0, "flops": 20e9, "ceilings": [700e12, 720e12],
        "failed": {"a runner": "no | room"},
        "runners": {
            names[key]: {"setting": "8192 tokens", "tried": {}, "rates": [rate, rate * 1.1]}
            for key, rate in rates.items()
        },
    }  # fmt: skip


def row(workers: int, each: int, requests: float) -> dict[str, Any]:
    closed = {"p99": 0.03, "refused": 0, "failed": 0}
    return {"workers": workers, "texts_each": each, "requests_per_second": requests,
            "texts_per_second": requests * each, "closed": closed, "open_p50": 0.004,
            "open_p99": 0.02, "open_failed": 0, "connections": 8, "round": 0}  # fmt: skip


@pytest.fixture
def results() -> dict[str, Any]:
    engine = {
        "title": "BERT-base", "recipe": {"fp16": "fused: all"}, "missing": {"other": "needs CUDA"},
        "streams": {
            "128": stream(captured=15_000, padded=9_000),
            "mixed": stream(captured=60_000, padded=25_000, torch=30_000, compiled=50_000),
        },
        "alone": {CAPTURED: 0.0009}, "sessions": {"1": [50_000.0], "2": [52_000.0]},
    }  # fmt: skip
    http = {
        "title": "BERT-base", "tokens": 28.0, "engine": [50_000.0],
        "rows": [row(1, 1, 4000), row(4, 1, 11_000), row(4, 32, 1300)],
        "alone": {"1": 0.0018, "4": 0.0021}, "missing": {"8 front ends": "did not start"},
        "reload": {"versions": 2, "seconds": [9.0, 10.0], "requests": 5000, "failed": 0,
                   "swapped_in_time": True, "memory_before": 4e9, "memory_most": 6e9,
                   "memory_after": 4.1e9, "memory_slack": 256e6},
    }  # fmt: skip
    answers = {"network": "BERT-base", "task": "sequence-classification", "runner": CAPTURED,
               "how": "alone", "compared": 50, "agreement": 1.0, "difference": 0.002,
               "held": True}  # fmt: skip
    machine = {"cpu": "A CPU", "cpus": 16, "python": "3.12", "packages": {"torch": "2"},
               "gpu": {"name": "A GPU", "memory_bytes": 80 * 2**30, "driver": "580",
                       "cuda": "13.0"}}  # fmt: skip
    return {"when": "today", "device": "cuda", "machine": machine,
            "parity": {"rows": [answers], "missing": {"mpnet": "no packed graph"}},
            "engine": {"bert-base": engine}, "http": {"bert-base": http}}  # fmt: skip


def test_targets_hold_or_fall_short(results: dict[str, Any]) -> None:
    verdicts = [(one.verdict, one.found) for one in check_all(results)]
    assert verdicts[:4] == [
        ("holds", "at worst 100.00%, 0.0020"),
        ("holds", "2.40x"),
        ("short", "1.20x"),
        ("holds", "15,750 texts/s"),
    ]
    assert verdicts[4:] == [
        ("holds", "83% with 4 front ends"),
        ("holds", "11,000 requests/s with 4 front ends"),
        ("holds", "20.0 ms with 4 front ends"),
        ("holds", "1.80 ms with 1 front ends"),
        ("holds", "0 of 5,000 failed; memory +100 MB"),
    ]


def test_what_was_not_measured_says_so(results: dict[str, Any]) -> None:
    empty = {key: results[key] for key in ("when", "device", "machine")}
    assert {one.verdict for one in check_all(empty)} == {"not measured"}
    assert "not measured" in render_gpu_results(empty)


@pytest.mark.parametrize(
    "change", [{"failed": 1}, {"swapped_in_time": False}, {"memory_after": 5e9}]
)
def test_a_reload_falls_short_by_any_of_its_parts(
    results: dict[str, Any], change: dict[str, Any]
) -> None:
    results["http"]["bert-base"]["reload"] |= change
    assert check_all(results)[-1].verdict == "short"


def test_the_page_names_all_that_was_measured_and_what_was_not(results: dict[str, Any]) -> None:
    page = render_gpu_results(results)
    assert "A GPU, 80 GiB, driver 580, CUDA 13.0" in page
    assert "| packed, CUDA graphs | 63,000 | 60,000 to 66,000 | 1260.00 |" in page
    assert "| a runner | | no / room | | | |" in page
    assert "- other: needs CUDA" in page
    assert "one session 50,000 texts/s, two 52,000" in page
    assert "| 32 | 4 | 1,300 | 41,600 |" in page
    assert "4,000 MB, at most 6,000, then 4,100" in page
    assert "- mpnet: no packed graph" in page
    assert "- 8 front ends: did not start" in page


def test_plots_are_drawn_of_what_there_is(results: dict[str, Any], tmp_path: Path) -> None:
    drawn = draw_all(results, tmp_path)
    assert [path.name for path in drawn] == ["engine-bert-base.png", "http-bert-base.png"]
    assert all(path.stat().st_size for path in drawn)


def test_parts_of_a_run_are_joined_unless_the_device_is_another(tmp_path: Path) -> None:
    Results(tmp_path, "cpu").keep("parity", {"rows": [], "missing": {}})
    nothing: dict[str, Any] = {"streams": {}, "recipe": {}, "missing": {}, "alone": {}}
    Results(tmp_path, "cpu").keep("engine", nothing | {"title": "x", "sessions": {}}, "x")
    path = tmp_path / "results.json"
    assert {"parity", "engine"} <= read(path).keys()
    other = read(path) | {"machine": {"gpu": {"name": "another"}}}
    path.write_text(json.dumps(other))
    assert "parity" not in Results(tmp_path, "cpu").found
