"""The measured run is a real one, and its output is what a killed one is compared with."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks.errors import BenchmarkError
from benchmarks.measures.score import digest, run_to_end, start, write_source


def test_a_run_is_measured_to_its_end(tiny_store: Path, tmp_path: Path) -> None:
    session: Any = SimpleNamespace(served=SimpleNamespace(name="mood", store=tiny_store))
    source = tmp_path / "in.csv"
    write_source(source, ("a good film", "bad"), 50)
    assert run_to_end(start(session, source, tmp_path / "one.jsonl")) > 0
    run_to_end(start(session, source, tmp_path / "two.jsonl"))
    assert digest(tmp_path / "one.jsonl") == digest(tmp_path / "two.jsonl")
    assert len((tmp_path / "one.jsonl").read_text().splitlines()) == 50


def test_a_run_that_fails_is_no_measurement(tiny_store: Path, tmp_path: Path) -> None:
    session: Any = SimpleNamespace(served=SimpleNamespace(name="nobody", store=tiny_store))
    source = tmp_path / "in.csv"
    write_source(source, ("a good film",), 1)
    with pytest.raises(BenchmarkError, match="ended with 2"):
        run_to_end(start(session, source, tmp_path / "out.jsonl"))
