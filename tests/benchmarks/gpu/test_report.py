"""The check list holds what it should, of whole and of partial runs."""

from typing import Any

import pytest

from benchmarks.gpu.contenders import CAPTURED, COMPILED, PADDED_FP16, TORCH
from benchmarks.gpu.report import check_all, render_gpu_results


def stream(name: str, **rates: float) -> dict[str, Any]:
    names = {"captured": CAPTURED, "padded": PADDED_FP16, "torch": TORCH, "compiled": COMPILED}
    return {
        "stream": name, "tokens": 28.0, "flops": 20e9, "ceilings": [700e12, 720e12],
        "contenders": {
            names[key]: {"setting": "8192 tokens", "tried": {}, "rates": [rate, rate * 1.1]}
            for key, rate in rates.items()
        },
    }  # fmt: skip


def row(workers: int, each: int, requests: float) -> dict[str, Any]:
    return {"workers": workers, "texts_each": each, "requests_per_second": requests,
            "texts_per_second": requests * each, "refused": 0, "failed": 0, "open_p50": 0.004,
            "open_p99": 0.02, "open_failed": 0}  # fmt: skip


@pytest.fixture
def results() -> dict[str, Any]:
    streams = [
        stream("mixed", captured=60_000, padded=25_000, torch=30_000),
        stream("128", captured=15_000, padded=9_000),
        stream("mixed", captured=60_000, compiled=50_000),
    ]
    service = {
        "tokens": 28.0, "engine": 50_000.0, "alone": {"1": 0.0018, "4": 0.0021},
        "rows": [row(1, 1, 4000), row(4, 1, 11_000), row(4, 32, 1300)],
        "reload": {"seconds": [9.0, 10.0], "requests": 5000, "failed": 0, "in_time": True,
                   "memory_before": 4e9, "memory_most": 6e9, "memory_after": 4.1e9},
    }  # fmt: skip
    answers = {"network": "BERT-base", "contender": CAPTURED, "how": "alone", "compared": 50,
               "agreement": 1.0, "ties_changed": 1, "difference": 0.002, "held": True}  # fmt: skip
    machine = {"cpu": "A CPU", "cpus": 16, "python": "3.12", "packages": {"torch": "2"},
               "gpu": {"name": "A GPU", "memory_bytes": 80 * 2**30, "driver": "580",
                       "cuda": "13.0"}}  # fmt: skip
    cores = [{"cores": 16, "workers": n, "texts_each": 1, "texts_per_second": 900.0 + n,
              "limit": 1000.0} for n in (1, 4)]  # fmt: skip
    return {"machine": machine, "parity": [answers], "service": service, "cores": cores,
            "engine": {"title": "BERT-base", "streams": streams, "alone": {CAPTURED: 0.0009}},
            "start": {"tries": [{"way": "captured", "switches": "", "ran": True}],
                      "switches": ""}}  # fmt: skip


def test_targets_hold_or_fall_short(results: dict[str, Any]) -> None:
    found = {what: (figure, holds) for what, figure, holds in check_all(results)}
    assert list(found.values()) == [
        ("at worst 100.00%, 0.0020", True),
        ("2.40x", True),
        ("2.00x", True),
        ("15,750", True),
        ("1.20x", False),
        ("83%", True),
        ("11,000 with 4 workers", True),
        ("20.0 ms", True),
        ("1.80 ms", True),
        ("0 of 5,000 failed, memory +100 MB", True),
        ("0.90", True),
    ]


@pytest.mark.parametrize("change", [{"failed": 1}, {"in_time": False}, {"memory_after": 5e9}])
def test_a_reload_falls_short_by_any_of_its_parts(
    results: dict[str, Any], change: dict[str, Any]
) -> None:
    results["service"]["reload"] |= change
    ((_, _, holds),) = [one for one in check_all(results) if one[0].startswith("reload")]
    assert not holds


def test_the_page_shows_what_there_is(results: dict[str, Any]) -> None:
    page = render_gpu_results(results)
    assert "A GPU, 80 GiB, driver 580, CUDA 13.0" in page
    assert f"| {CAPTURED} | 63,000 | 60,000 to 66,000 | 177% | 8192 tokens |" in page
    assert "| 32 | 4 | 1,300 | 41,600 | 20.0 | 0 |" in page
    assert "| 16 | 1 | 1,000 | 1: 0.90, **4: 0.90** |" in page
    for stage in tuple(results):
        partial = {key: value for key, value in results.items() if key != stage}
        assert render_gpu_results(partial)
    assert check_all({"machine": results["machine"]}) == []
