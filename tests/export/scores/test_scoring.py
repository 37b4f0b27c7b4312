"""From labelled examples to served scores: what is fitted, written down, and left alone."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from rich.console import Console

import export.pipeline
from app.bundle.bundle import open_bundle
from app.engine.answers.decoding import softmax
from app.engine.text.encoding import TextInput
from export.__main__ import main
from export.checkpoint.load import load_checkpoint
from export.parity.tolerances import TOLERANCES
from export.pipeline import Request, export_bundle
from export.progress import Progress
from export.reference.evaluation import score_reference
from export.reference.examples import Example
from export.reference.workload import answer_inputs
from export.report.diagram import draw_reliability
from export.scores.labelled_logits import LabelledLogits
from export.scores.temperature import calibrate
from tests.support.workloads import classifier, labelled

TRUE_TEMPERATURE = 0.25
LABELS = ("red", "green", "blue")


@pytest.fixture(scope="module")
def many_texts() -> list[str]:
    words = [f"{first}{second}" for first in "bcdfghklmn" for second in "aeiou"]
    rng = np.random.default_rng(5)
    return [" ".join(rng.choice(words, rng.integers(1, 9))) for _ in range(300)]


@pytest.fixture(scope="module")
def unsure(
    sentiment: Path, many_texts: list[str], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Rows whose labels are far surer than the checkpoint's scores."""
    workload = answer_inputs(load_checkpoint(sentiment), [TextInput(t) for t in many_texts], [])
    shares = softmax(np.stack(workload.logits) / TRUE_TEMPERATURE)[:, 1]
    drawn = np.where(np.random.default_rng(6).random(300) < shares, "positive", "negative")
    rows = [
        {"text": text, "label": str(label)} for text, label in zip(many_texts, drawn, strict=True)
    ]
    path = tmp_path_factory.mktemp("unsure") / "eval.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@dataclass(frozen=True)
class Exported:
    """A bundle, and what the exporter said of it."""

    bundle: Path
    output: str


def run(checkpoint: Path, store: Path, file: Path, **wanted: bool) -> Exported:
    said = StringIO()
    request = Request(checkpoint, "m", store, ("fp32",), TOLERANCES, file, **wanted)  # type: ignore[arg-type]
    return Exported(export_bundle(request, Progress(Console(file=said))), said.getvalue())


@pytest.fixture(scope="module")
def calibrated(sentiment: Path, unsure: Path, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    return run(sentiment, tmp_path_factory.mktemp("calibrated"), unsure)


@pytest.fixture(scope="module")
def plain(sentiment: Path, unsure: Path, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    return run(sentiment, tmp_path_factory.mktemp("plain"), unsure, calibrate=False)


@pytest.fixture(scope="module")
def colours(make_checkpoint: Callable[..., Path]) -> Path:
    return make_checkpoint(LABELS, problem_type="multi_label_classification")


def test_a_labelled_export_is_calibrated_drawn_and_described(calibrated: Exported) -> None:
    found = open_bundle(calibrated.bundle).manifest.calibration
    assert found is not None
    assert found.temperature == pytest.approx(TRUE_TEMPERATURE, rel=0.35)
    assert found.ece_after < found.ece_before
    assert (found.examples, found.observations, found.reason) == (300, 300, None)
    assert f"calibrate: temperature {found.temperature:.2f}, ECE" in calibrated.output
    report = (calibrated.bundle / "report.md").read_text()
    assert f"Scores are those of logits / {found.temperature:g}" in report
    assert f"| temperature 1 | {found.ece_before:.4f} |" in report
    assert f"| fitted on the other half | {found.ece_after:.4f} |" in report
    assert "(reliability.svg)" in report
    drawn = " ".join(ElementTree.parse(calibrated.bundle / "reliability.svg").getroot().itertext())
    assert f"ECE {found.ece_before:.4f}" in drawn
    assert f"ECE {found.ece_after:.4f}" in drawn


def test_no_calibration_leaves_scores_report_and_folder_alone(plain: Exported) -> None:
    assert open_bundle(plain.bundle).manifest.calibration is None
    assert not (plain.bundle / "reliability.svg").exists()
    assert "Calibration" not in (plain.bundle / "report.md").read_text()
    assert "calibrate" not in plain.output


def test_parity_is_measured_on_the_checkpoints_own_scores(
    calibrated: Exported, plain: Exported
) -> None:
    one, other = (open_bundle(exported.bundle).manifest for exported in (calibrated, plain))
    assert one.temperature != other.temperature == 1.0
    assert one.golden == other.golden
    assert one.evaluation == other.evaluation
    assert one.graphs["fp32"].parity == other.graphs["fp32"].parity
    assert one.score_reference != other.score_reference


def test_few_examples_are_named_as_the_reason_and_none_fit_nothing(store: Path) -> None:
    few = open_bundle(store / "sentiment" / "1").manifest.calibration
    assert few is not None
    assert few.reason == "60 labelled examples, at least 100 are needed"
    assert few.reason in (store / "sentiment" / "1" / "report.md").read_text()
    assert (few.temperature, few.ece_after) == (1.0, few.ece_before)
    assert open_bundle(store / "ner" / "1").manifest.calibration is None


def test_tuned_thresholds_are_stored_and_reported_by_label(
    colours: Path, many_texts: list[str], tmp_path: Path, write_labelled: Callable[..., Path]
) -> None:
    held = ([], ["red"], ["red", "green"])
    rows = [{"text": text, "label": held[i % 3]} for i, text in enumerate(many_texts)]
    file = write_labelled(rows)
    exported = run(colours, tmp_path / "s", file, tune_thresholds=True, calibrate=False)
    thresholds = open_bundle(exported.bundle).manifest.defaults.label_thresholds
    assert thresholds is not None
    assert set(thresholds) == set(LABELS)
    assert thresholds["blue"] == 0.5
    report = (exported.bundle / "report.md").read_text()
    assert f"| red | 200 | {thresholds['red']:.3f} |" in report
    assert "| macro F1 |" in report
    assert "No example has blue: the threshold stays 0.5 there." in report
    assert "tune thresholds: thresholds" in exported.output


def test_thresholds_that_cannot_be_tuned_are_refused_before_any_work(
    sentiment: Path, colours: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--name", "m", "--store", str(tmp_path), "--tune-thresholds"]
    assert main([str(sentiment), *options]) == 2
    assert "problem type is single_label (sequence-classification)" in capsys.readouterr().err
    assert main([str(colours), *options]) == 2
    assert "no labelled examples; give them with --eval FILE" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_the_reference_for_drift_holds_the_served_scores_and_labels() -> None:
    config = classifier("ab", "multi_label")
    logits = [np.array([4.0, -1.0], dtype=np.float32)]
    made = labelled([Example(TextInput("t"), frozenset("a"))], logits)
    # sigmoid(4) is 0.982, sigmoid(4 / 4) is 0.731 and sigmoid(-1 / 4) is 0.438.
    for temperature, thresholds, bins, shares in (
        (1.0, None, {19}, {"a": 1.0, "b": 0.0}),
        (4.0, None, {14}, {"a": 1.0, "b": 0.0}),
        (4.0, {"a": 0.9, "b": 0.4}, {8}, {"a": 0.0, "b": 1.0}),
    ):
        reference = score_reference(config, made, temperature, thresholds)
        assert reference is not None
        assert {i for i, count in enumerate(reference.histogram_counts) if count} == bins
        assert reference.label_shares == shares


@pytest.mark.parametrize("count", [50, 400])
def test_the_diagram_is_the_same_bytes_each_time(tmp_path: Path, count: int) -> None:
    rng = np.random.default_rng(0)
    logits, truth = rng.normal(0, 3, (count, 3)), rng.integers(0, 3, count)
    fit = calibrate(LabelledLogits(logits, truth, np.arange(count), count))
    for name in ("a.svg", "b.svg"):
        draw_reliability(fit, tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_calibration_is_on_unless_the_flag_says_otherwise(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[Request] = []

    def note(request: Request, _: Progress) -> Path:
        asked.append(request)
        return tmp_path

    monkeypatch.setattr(export.pipeline, "export_bundle", note)
    for flags in ([], ["--no-calibration"], ["--tune-thresholds"]):
        assert main([str(tmp_path), "--name", "m", *flags]) == 0
    found = [(request.calibrate, request.tune_thresholds) for request in asked]
    assert found == [(True, False), (False, False), (True, True)]
