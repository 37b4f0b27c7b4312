"""From checkpoint to bundle: what is served are the checkpoint's answers, or nothing is written."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import (
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    AutoTokenizer,
)

import export.pipeline
import export.search.precisions
from app.bundle.base import Precision
from app.bundle.bundle import open_bundle
from app.engine.backends.base import Mode
from app.engine.backends.onnxruntime import OnnxRuntimeBackend
from app.engine.models.golden import check_golden
from app.engine.models.servable import Servable
from app.engine.text.encoding import TextInput
from export.checkpoint.load import CheckpointOptions
from export.errors import CheckpointRefused, GateFailed, StoreError
from export.parity.tolerances import TOLERANCES, change_tolerances
from export.pipeline import Request, export_bundle
from export.progress import Progress

SEVERAL = CheckpointOptions(problem_type="multi_label")
PRECISIONS: tuple[Precision, ...] = ("fp32", "fp16", "int8")


def serve(bundle: Path, precision: Precision) -> Servable:
    return Servable.load(open_bundle(bundle), OnnxRuntimeBackend(), Mode(precision))


def checkpoint_logits(folder: Path, loader: Any, text: str) -> np.ndarray:
    features = AutoTokenizer.from_pretrained(folder)(text, truncation=True, return_tensors="pt")
    with torch.inference_mode():
        logits: np.ndarray = loader.from_pretrained(folder)(**features).logits[0].numpy()
    return logits


@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 1e-4), ("fp16", 0.05)])
def test_an_exported_bundle_serves_the_checkpoints_logits(
    store: Path, sentiment: Path, texts: list[str], precision: Precision, tolerance: float
) -> None:
    servable = serve(store / "sentiment" / "1", precision)
    for text in texts[::9]:
        encoded = servable.encode(TextInput(text), "truncate", 1)
        (served,) = servable.run(encoded.windows)
        expected = checkpoint_logits(sentiment, AutoModelForSequenceClassification, text)
        np.testing.assert_allclose(served, expected, atol=tolerance)


def test_an_exported_ner_bundle_serves_the_checkpoints_logits_for_every_token(
    store: Path, ner: Path, texts: list[str]
) -> None:
    servable = serve(store / "ner" / "1", "fp32")
    encoded = servable.encode(TextInput(texts[12]), "truncate", 1)
    (served,) = servable.run(encoded.windows)
    expected = checkpoint_logits(ner, AutoModelForTokenClassification, texts[12])
    np.testing.assert_allclose(served, expected, atol=1e-4)


@pytest.mark.parametrize("name", ["sentiment", "ner"])
@pytest.mark.parametrize("precision", PRECISIONS)
def test_every_graph_of_a_new_bundle_passes_its_golden_check(
    store: Path, name: str, precision: Precision
) -> None:
    check_golden(serve(store / name / "1", precision))


@pytest.mark.parametrize("name", ["sentiment", "ner"])
def test_every_graph_offered_by_default_is_batch_invariant(store: Path, name: str) -> None:
    graphs = open_bundle(store / name / "1").manifest.graphs
    assert {precision: graph.batch_invariant for precision, graph in graphs.items()} == {
        "fp32": True,
        "fp16": True,
        "int8": True,
    }


def test_manifest_and_report_hold_what_was_measured(store: Path, texts: list[str]) -> None:
    manifest = open_bundle(store / "sentiment" / "1").manifest
    assert manifest.evaluation is not None
    assert manifest.evaluation.inputs == len(texts)
    assert manifest.score_reference is not None
    assert sum(manifest.score_reference.histogram_counts) == len(texts)
    assert sum(manifest.score_reference.label_shares.values()) == pytest.approx(1.0)
    report = (store / "sentiment" / "1" / "report.md").read_text()
    for precision, graph in manifest.graphs.items():
        assert f"| {precision} | {graph.bytes / 1e6:.1f} MB |" in report
        assert graph.recipe in report


@pytest.mark.parametrize(
    ("labels", "problem_type", "expected"),
    [
        (("a", "b", "c"), "multi_label_classification", "multi_label"),
        (("a", "b", "c"), None, "single_label"),
        (("toxic",), None, "single_label"),
    ],
)
def test_problem_types_are_kept_or_inferred(
    make_checkpoint: Any,
    quiet: Progress,
    tmp_path: Path,
    labels: tuple[str, ...],
    problem_type: str | None,
    expected: str,
) -> None:
    checkpoint = make_checkpoint(labels, problem_type=problem_type)
    target = export_bundle(Request(checkpoint, "m", tmp_path, ("fp32",), TOLERANCES), quiet)
    manifest = open_bundle(target).manifest
    assert (manifest.problem_type, manifest.labels) == (expected, labels)


def test_a_problem_type_can_be_given_where_the_config_has_none(
    make_checkpoint: Any, quiet: Progress, tmp_path: Path
) -> None:
    checkpoint = make_checkpoint(("a", "b", "c"))
    request = Request(checkpoint, "m", tmp_path, ("fp32",), TOLERANCES, options=SEVERAL)
    assert open_bundle(export_bundle(request, quiet)).manifest.problem_type == "multi_label"


def test_a_checkpoint_that_labels_tokens_takes_no_several_labels_a_text(
    ner: Path, quiet: Progress, tmp_path: Path
) -> None:
    request = Request(ner, "m", tmp_path, ("fp32",), TOLERANCES, options=SEVERAL)
    with pytest.raises(CheckpointRefused, match="labels tokens, each with one tag; leave out"):
        export_bundle(request, quiet)


def test_versions_count_up_and_an_existing_one_is_refused(
    sentiment: Path, quiet: Progress, tmp_path: Path
) -> None:
    def run(version: int | None) -> Path:
        request = Request(sentiment, "m", tmp_path, ("fp32",), TOLERANCES, version=version)
        return export_bundle(request, quiet)

    assert [run(None).name, run(7).name, run(None).name] == ["1", "7", "8"]
    with pytest.raises(StoreError, match="m/7 exists.*leave out --version to get 9"):
        run(7)


def test_where_no_precision_passes_nothing_is_written(
    sentiment: Path, quiet: Progress, tmp_path: Path
) -> None:
    strict = change_tolerances(["int8.score_difference=0"])
    request = Request(sentiment, "m", tmp_path / "store", ("int8",), strict)
    with pytest.raises(
        GateFailed,
        match=r"int8 misses its gate .*score difference 0\.\d+ where <= 0 .* nothing was",
    ):
        export_bundle(request, quiet)
    assert not (tmp_path / "store").exists()


def test_what_passes_is_written_and_the_rest_is_named_in_a_short_line_and_in_the_report(
    sentiment: Path, quiet: Progress, tmp_path: Path
) -> None:
    strict = change_tolerances(["int8.score_difference=0"])
    request = Request(sentiment, "m", tmp_path, ("fp32", "int8"), strict)
    with pytest.raises(GateFailed) as caught:
        export_bundle(request, quiet)
    target = tmp_path / "m" / "1"
    assert list(open_bundle(target).manifest.graphs) == ["fp32"]
    message = str(caught.value)
    assert message.startswith("int8 misses its gate (")
    assert f"wrote {target} with fp32 alone" in message
    assert len(message) < 600
    assert "- int8 misses its gate (" in (target / "report.md").read_text()


def test_a_graph_that_does_not_load_leaves_the_others(
    sentiment: Path, quiet: Progress, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise GateFailed("the int8 graph cannot be used")

    monkeypatch.setattr(export.search.precisions, "try_int8", fail)
    request = Request(sentiment, "m", tmp_path, ("fp32", "int8"), TOLERANCES)
    with pytest.raises(GateFailed, match=r"int8 misses its gate \(the int8 graph cannot be used\)"):
        export_bundle(request, quiet)
    assert list(open_bundle(tmp_path / "m" / "1").manifest.graphs) == ["fp32"]


def test_a_crash_while_packaging_leaves_nothing_behind(
    sentiment: Path, quiet: Progress, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(folder: Path, *_: object) -> None:
        assert any(folder.iterdir()), "the crash must come after files were written"
        raise OSError("disk full")

    monkeypatch.setattr(export.pipeline, "write_bundle", crash)
    with pytest.raises(OSError, match="disk full"):
        export_bundle(Request(sentiment, "m", tmp_path / "s", ("fp32",), TOLERANCES), quiet)
    assert not (tmp_path / "s").exists()


def test_a_pair_of_texts_is_compared_and_kept_in_the_golden_cases(
    sentiment: Path, quiet: Progress, tmp_path: Path, write_labelled: Any
) -> None:
    rows = [{"text": "ba be", "text_pair": "ko ku " * n, "label": "positive"} for n in range(1, 30)]
    file = write_labelled(rows)
    target = export_bundle(Request(sentiment, "m", tmp_path, ("fp32",), TOLERANCES, file), quiet)
    pairs = [case.text_pair for case in open_bundle(target).manifest.golden]
    assert any(pairs)


@pytest.mark.parametrize("opset", [16, 20])
def test_an_asked_opset_is_used_in_every_graph(
    sentiment: Path, quiet: Progress, tmp_path: Path, opset: int
) -> None:
    loose = change_tolerances(["int8.agreement=0.7"])
    request = Request(sentiment, "m", tmp_path, ("fp32", "int8"), loose, opset=opset)
    graphs = open_bundle(export_bundle(request, quiet)).manifest.graphs
    assert [graph.opset for graph in graphs.values()] == [opset, opset]
    assert all(graph.batch_invariant for graph in graphs.values())


def test_an_opset_that_does_not_exist_is_refused(
    sentiment: Path, quiet: Progress, tmp_path: Path
) -> None:
    request = Request(sentiment, "m", tmp_path, ("fp32",), TOLERANCES, opset=3)
    with pytest.raises(CheckpointRefused, match=r"cannot be exported to ONNX .*opset"):
        export_bundle(request, quiet)
    assert list(tmp_path.iterdir()) == []


def test_a_shorter_limit_is_served_and_a_longer_one_than_the_model_reads_refused(
    sentiment: Path, quiet: Progress, tmp_path: Path, texts: list[str]
) -> None:
    request = Request(sentiment, "m", tmp_path, ("fp32",), TOLERANCES, max_length=12)
    servable = serve(export_bundle(request, quiet), "fp32")
    assert servable.manifest.max_length == 12
    assert servable.encode(TextInput(texts[-1]), "truncate", 1).tokens == 12
    for tokens in (41, 7, 0):
        with pytest.raises(CheckpointRefused, match=rf"--max-length is {tokens}; take 8 to 40"):
            export_bundle(dataclasses.replace(request, max_length=tokens), quiet)
