"""`python -m export schemes`: a row for every graph, or its reason; the page around it stays."""

import dataclasses
import re
from dataclasses import replace
from pathlib import Path

import pytest

import export.schemes.trial
from app.bundle import Parity
from app.engine.text.encoding import TextInput
from export.__main__ import main
from export.graphs.convert import Graph
from export.graphs.int8.quantization_input import Base
from export.int8.schemes import SCHEMES, Scheme
from export.parity.candidate import Attempt
from export.parity.measure import Measurement
from export.parity.tolerances import Tolerance
from export.reference.examples import Example
from export.schemes.pace import Pace
from export.schemes.page import SECTION, TITLES
from export.schemes.results import ModelTrials, Trial
from export.search.calibration_split import CALIBRATION_TEXTS, PLENTY, split_workload
from export.sections import marks
from tests.support.workloads import labelled, words


def fail(_: Base) -> Graph:
    raise RuntimeError("Node (a|b) has no kernel\nand more")


def rows(page: str) -> dict[str, list[str]]:
    lines = [line for line in page.splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines]
    return {row[0].strip("*"): row for row in cells}


def test_the_command_puts_a_row_for_every_graph_into_the_page(
    sentiment: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    broken = Scheme("broken", "cannot be made", fail)
    monkeypatch.setattr(export.schemes.trial, "SCHEMES", (*SCHEMES[:1], broken))
    begin, end = marks(SECTION)
    page = tmp_path / "models.md"
    page.write_text(f"# Mine\n\n{begin}\nwhat stood here\n{end}\n\nmore\n")
    assert main(["schemes", str(sentiment), "--texts", "30", "--out", str(page)]) == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert f"{sentiment.name}: int8 broken: Node (a|b) has no kernel" in captured.err
    text = page.read_text()
    assert text.startswith(f"# Mine\n\n{begin}\n")
    assert text.endswith(f"{end}\n\nmore\n")
    assert "what stood here" not in text
    assert f"### {sentiment.name}" in text
    assert re.search(r"measured on 3\d texts", text)
    made = rows(text)
    assert list(made) == ["graph", "---", "fp32", "fp16", "int8 per token", "int8 broken"]
    assert made["fp32"][TITLES.index("times fp32")] == "1.00"
    assert float(made["int8 per token"][TITLES.index("MB")]) > 0
    assert "no: Node (a\\|b) has no kernel |" in text


def test_a_checkpoint_that_cannot_be_exported_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["schemes", str(tmp_path / "none")]) == 2
    assert "no such folder" in capsys.readouterr().err


def test_taken_is_the_fastest_that_passes_and_is_invariant() -> None:
    trials = [
        trial("slow", 100.0),
        trial("fast", 200.0),
        trial("wrong", 300.0, agreement=0.9),
        trial("company", 400.0, moved=0.1),
        Trial("broken", "int8", reason="none"),
        replace(trial("fp16", 500.0), precision="fp16"),
    ]
    assert model(trials).taken == "fast"
    assert model(trials[2:4]).taken == "company"
    assert model(trials[2:3]).taken == ""


def trial(name: str, speed: float, agreement: float = 1.0, moved: float = 0.0) -> Trial:
    parity = Parity(
        inputs=10,
        agreement=agreement,
        max_score_difference=0.0,
        batch_agreement=1.0,
        batch_max_score_difference=moved,
        golden_max_score_difference=0.0,
    )
    # The one pass that came with measuring says nothing: the race decides.
    measured = Measurement(parity, 0, {}, {}, "accuracy", 1000 - speed, 5.0, 2)
    graph = Graph(Path(name), "int8", (), 18, name)
    attempt = Attempt(graph, measured, Tolerance(agreement=0.98))
    return Trial(name, "int8", attempt, 1, Pace(1.0, speed))


def model(trials: list[Trial]) -> ModelTrials:
    return ModelTrials("m", "B", 1, 10, 0, 5.0, 5, tuple(trials))


def test_what_calibrates_is_not_measured_where_there_are_texts_enough() -> None:
    texts = [Example(TextInput(f"text {'x ' * (i % 9)}{i}")) for i in range(PLENTY)]
    whole = labelled(texts, [words(one.source.text).windows[0].ids for one in texts])
    whole = dataclasses.replace(whole, strategy="max")
    calibration, rest = split_workload(whole)
    assert rest.strategy == "max"
    assert len(calibration) == CALIBRATION_TEXTS
    assert len(rest.inputs) == len(rest.examples) == PLENTY - CALIBRATION_TEXTS
    assert not {id(one) for one in calibration} & {id(one) for one in rest.encodings}
    assert rest.inputs[rest.golden[0]] == whole.inputs[whole.golden[0]]
    few = labelled(texts[:50], whole.logits[:50])
    assert split_workload(few)[1] is few
