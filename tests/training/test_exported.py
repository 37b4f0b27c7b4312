"""What training says of a checkpoint, export says too: one metric has one number."""

import json

import pytest
from rich.console import Console

from app.bundle.bundle import open_bundle
from export.parity.tolerances import TOLERANCES
from export.pipeline import Request, export_bundle
from export.progress import Progress
from training.__main__ import main


@pytest.fixture
def train_and_export(encoder, write_rows, tmp_path, capsys):
    """Train on rows, export with the rows held out, and return both sets of metrics."""

    def run(task, rows):
        out = tmp_path / "checkpoint"
        options = ["--epochs", "4", "--learning-rate", "3e-3", "--eval-fraction", "0.4"]
        given = ["--data", str(write_rows("d.jsonl", rows)), "--base", str(encoder)]
        # Texts of more than 10 tokens are cut: their ends count as missed by both.
        given += ["--task", task, "--out", str(out), "--max-length", "10", *options]
        assert main(given) == 0, capsys.readouterr().err
        request = Request(out, "m", tmp_path / "s", ("fp32",), TOLERANCES, out / "eval.jsonl")
        bundle = export_bundle(request, Progress(Console(quiet=True)))
        said = json.loads((out / "evaluation.json").read_text())["metrics"]
        return said, open_bundle(bundle).manifest.evaluation.checkpoint

    return run


def test_the_metrics_of_texts_are_one_number(train_and_export, reviews):
    # Two labels of unequal number, so that no other mean of their F1 has the same value.
    trained, exported = train_and_export("sequence-classification", reviews[:30])
    assert trained == exported
    assert trained["macro_f1"] != trained["accuracy"]


def test_the_metrics_of_several_labels_are_one_number(train_and_export, reviews):
    rows = [r | {"label": [r["label"], *(["fun"] if "fun" in r["text"] else [])]} for r in reviews]
    trained, exported = train_and_export("sequence-classification", rows)
    assert trained == exported
    assert 0.0 < trained["macro_f1"] < 1.0


def test_the_metrics_of_entities_are_one_number(train_and_export, people):
    trained, exported = train_and_export("token-classification", people)
    assert {name: trained[name] for name in exported} == exported
    assert 0.0 < trained["f1"] < 1.0
