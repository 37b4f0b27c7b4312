"""The packed graph of a bundle: exported if it passes its gate, or left out with a reason."""

import shutil
from pathlib import Path

import onnx
import pytest
from onnx import numpy_helper
from rich.console import Console
from transformers import AutoConfig

import export.search.precisions
from app.bundle.base import Precision
from app.bundle.bundle import open_bundle
from app.bundle.manifest import Manifest
from app.engine.models.golden import check_golden
from app.engine.models.servable import Servable
from app.engine.text.encoding import TextInput
from app.errors import BundleError
from export.__main__ import main
from export.bundle.package import hash_file
from export.graphs.packed.reference import PACKED, ReferenceBackend
from export.parity.tolerances import change_tolerances
from export.pipeline import Request, export_bundle
from export.progress import Progress
from tests.support.checkpoints import make_checkpoint
from tests.support.families import choose_families


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    (family,) = choose_families(["bert"])
    folder = tmp_path_factory.mktemp("bert") / "checkpoint"
    return make_checkpoint(family, "sequence-classification", folder)


@pytest.fixture(scope="module")
def bundle(bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run(bert, tmp_path_factory.mktemp("store"))


def run(checkpoint: Path, store: Path, *precisions: Precision) -> Path:
    """Export with room for one of 50 texts: random weights leave many on a border."""
    loose = change_tolerances(["fp16.agreement=0.97"])
    request = Request(checkpoint, "m", store, precisions or ("fp32", "fp16"), loose)
    return export_bundle(request, Progress(Console(quiet=True)))


def test_a_bundle_has_a_packed_graph_beside_its_padded_ones(bundle: Path) -> None:
    manifest = open_bundle(bundle).manifest
    packed = manifest.packed
    assert packed is not None
    assert (packed.file, packed.kind, packed.opset) == ("model.fp16-packed.onnx", "packed", 17)
    assert packed.batch_invariant
    assert packed.parity.inputs == manifest.graphs["fp16"].parity.inputs
    assert packed.parity.max_score_difference < 0.02
    assert packed.gate == manifest.graphs["fp16"].gate
    assert list(manifest.graphs) == ["fp32", "fp16"]


def test_the_report_has_its_figures_but_no_speed_that_nobody_measured(bundle: Path) -> None:
    report = (bundle / "report.md").read_text()
    (line,) = [one for one in report.splitlines() if one.startswith("| fp16 packed | 0")]
    assert " | not measured | yes | 17 |" in line
    assert "- fp16 packed: packed: no padding, built from the weights for CUDA" in report
    assert "for CUDA: texts follow one another without padding" in report


def test_the_reference_serves_what_the_padded_graph_serves(bundle: Path) -> None:
    servable = Servable.load(open_bundle(bundle), ReferenceBackend())
    assert servable.runtime.mode == PACKED
    check_golden(servable)
    windows = servable.encode(TextInput("It is a good telephone."), "truncate", 1).windows
    assert servable.run(windows)[0].shape == (3,)


def test_verify_and_list_know_the_packed_graph(
    bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", str(bundle)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].startswith("fp16 packed: ok: checksums, 8 golden cases, score difference")
    assert main(["list", str(bundle.parents[1])]) == 0
    assert ", fp16 packed 0 MB, made" in capsys.readouterr().out


def test_verify_notices_a_packed_graph_that_answers_otherwise(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    forged = shutil.copytree(bundle, tmp_path / "m" / "1")
    graph = forged / "model.fp16-packed.onnx"
    turn_around(graph)
    manifest = Manifest.model_validate_json((forged / "manifest.json").read_bytes())
    assert manifest.packed is not None
    packed = manifest.packed.model_copy(update={"sha256": hash_file(graph)})
    changed = manifest.model_copy(update={"packed": packed})
    (forged / "manifest.json").write_text(changed.model_dump_json(exclude_none=True))
    assert main(["verify", str(forged)]) == 1
    fp32, fp16, broken = capsys.readouterr().out.splitlines()
    assert "ok" in fp32
    assert "ok" in fp16
    assert broken.startswith("fp16 packed: FAILED: ")


def turn_around(path: Path) -> None:
    """Give the classifier the opposite of its weights."""
    model = onnx.load(path)
    for one in model.graph.initializer:
        if one.name == "classifier.weight":
            one.CopyFrom(numpy_helper.from_array(-numpy_helper.to_array(one), one.name))
    onnx.save(model, path)


def test_a_packed_graph_that_misses_its_gate_is_left_out_with_its_figures(
    bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = export.search.precisions.build_packed

    def build_wrongly(*arguments: object) -> object:
        graph = make(*arguments)  # type: ignore[arg-type]
        turn_around(graph.path)
        return graph

    monkeypatch.setattr(export.search.precisions, "build_packed", build_wrongly)
    target = run(bert, tmp_path)
    assert_padded_alone(target, "misses its gate (agreement >= 0.97, metric loss <= 0.01): agree")


def assert_padded_alone(target: Path, reason: str) -> None:
    manifest = open_bundle(target).manifest
    assert manifest.packed is None
    assert list(manifest.graphs) == ["fp32", "fp16"]
    assert not list(target.glob("*packed*"))
    report = (target / "report.md").read_text()
    assert f"- no packed graph, on CUDA fp16 is padded: {reason}" in report


def use_relu(folder: Path) -> None:
    config = AutoConfig.from_pretrained(folder)
    config.hidden_act = "relu"
    config.save_pretrained(folder)


def test_what_cannot_be_packed_is_exported_padded_and_the_report_says_why(
    bert: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(bert, tmp_path / "checkpoint")
    use_relu(folder)
    target = run(folder, tmp_path / "store")
    assert_padded_alone(target, "no packed graph with the activation 'relu', only with gelu, gelu_")


def test_without_fp16_there_is_no_packed_graph_and_nothing_is_said(
    bert: Path, tmp_path: Path
) -> None:
    target = run(bert, tmp_path, "fp32")
    assert open_bundle(target).manifest.packed is None
    assert "packed" not in (target / "report.md").read_text()


def test_a_packed_graph_that_does_not_load_is_the_bundles_fault(bundle: Path) -> None:
    manifest = open_bundle(bundle).manifest
    assert manifest.packed is not None
    with pytest.raises(BundleError, match="is not a packed graph: .*export the checkpoint again"):
        ReferenceBackend().load(b"\x08\x0aNOT ONNX", manifest.packed, PACKED, 0)
