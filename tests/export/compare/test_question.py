"""Two questions of a new version: the same answers, or no worse ones by its labels."""

import json
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from export.__main__ import main

Write = Callable[[Sequence[dict[str, Any]]], Path]
Captured = pytest.CaptureFixture[str]


@pytest.fixture
def stubborn(sentiment: Path, tmp_path: Path) -> Path:
    """Return a copy of the checkpoint that answers every text with `negative`."""
    target = shutil.copytree(sentiment, tmp_path / "stubborn")
    weights = load_file(target / "model.safetensors")
    weights["classifier.bias"][0] += 50.0
    save_file(weights, target / "model.safetensors", metadata={"format": "pt"})
    return target


@pytest.fixture
def data(sentiment: Path, texts: list[str], write_labelled: Write, capsys: Captured) -> Path:
    """Return texts with the labels that the checkpoint gives them, so it has them all right."""
    from app.engine.text.encoding import TextInput
    from export.checkpoint.load import load_checkpoint
    from export.reference.evaluation import choose
    from export.reference.workload import answer_inputs

    checkpoint = load_checkpoint(sentiment)
    workload = answer_inputs(checkpoint, [TextInput(text) for text in texts], [])
    right = [choose(checkpoint.config, row).index(True) for row in workload.logits]
    assert 10 <= sum(right) <= 50  # both labels occur
    rows = zip(texts, right, strict=True)
    return write_labelled([{"text": t, "label": ("negative", "positive")[i]} for t, i in rows])


def ask(a: Path, b: Path, data: Path, *options: str) -> dict[str, Any]:
    file = data.parent / "figures.json"
    code = main(["compare", str(a), str(b), "--data", str(data), "--json", str(file), *options])
    found: dict[str, Any] = json.loads(file.read_text())
    return found | {"code": code}


def test_a_retrained_model_that_gains_passes_however_many_answers_change(
    sentiment: Path, stubborn: Path, data: Path, capsys: Captured
) -> None:
    found = ask(stubborn, sentiment, data)
    assert (found["code"], found["expect"], found["failed"]) == (0, "not-worse", [])
    assert found["agreement"] < 0.8
    assert found["chance_of_gain"] < 0.05
    out = capsys.readouterr().out
    assert "ok: B is no worse than A, accuracy +0." in out
    assert ", more than chance explains" in out
    assert ask(stubborn, sentiment, data, "--expect", "better")["code"] == 0
    assert ask(stubborn, sentiment, data, "--expect", "same")["code"] == 1


def test_a_retrained_model_that_loses_fails(
    sentiment: Path, stubborn: Path, data: Path, capsys: Captured
) -> None:
    found = ask(sentiment, stubborn, data)
    assert (found["code"], found["expect"]) == (1, "not-worse")
    assert found["chance_of_loss"] < 0.05
    assert "FAILED: B is no worse than A is not so: metric loss 0." in capsys.readouterr().out


def test_a_loss_that_chance_explains_passes_and_is_said(
    sentiment: Path, stubborn: Path, data: Path, capsys: Captured
) -> None:
    rows = [json.loads(line) for line in data.read_text().splitlines()]
    positive = [row for row in rows if row["label"] == "positive"][:2]
    negative = [row for row in rows if row["label"] == "negative"]
    data.write_text("".join(json.dumps(row) + "\n" for row in positive + negative))
    found = ask(sentiment, stubborn, data)
    assert found["code"] == 0
    assert found["metric_loss"] > 0.01
    (undecided,) = found["undecided"]
    assert re.search(r"chance explains it; \d+ labelled texts may decide", undecided)
    assert f"undecided: {undecided}" in capsys.readouterr().out


def test_a_model_without_a_gain_is_not_better(sentiment: Path, data: Path) -> None:
    found = ask(sentiment, sentiment, data, "--expect", "better")
    assert found["code"] == 1
    assert found["failed"] == [
        "accuracy +0.0000 where a gain is needed, which chance explains in 100% of samples"
    ]


def test_a_bundle_and_the_checkpoint_that_it_was_made_from_should_answer_alike(
    store: Path, sentiment: Path, data: Path
) -> None:
    found = ask(store / "sentiment" / "1", sentiment, data, "--precision", "fp32")
    assert (found["code"], found["expect"]) == (0, "same")


def test_without_labels_other_weights_cannot_be_judged(
    sentiment: Path, stubborn: Path, unlabelled: Path, capsys: Captured
) -> None:
    arguments = ["compare", str(sentiment), str(stubborn), "--data", str(unlabelled)]
    assert main(arguments) == 2
    (error,) = capsys.readouterr().err.splitlines()
    assert "only labelled texts tell which is better, and --data has none; label some" in error
    assert main([*arguments, "--expect", "same"]) == 1
