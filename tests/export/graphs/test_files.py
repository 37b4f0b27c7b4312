"""A graph too large for one file keeps its weights beside it, all the way to the service."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from app.bundle.bundle import open_bundle
from app.engine.backends.base import Mode
from app.engine.backends.onnxruntime import OnnxRuntimeBackend
from app.engine.models.loader import load_servable
from app.engine.models.servable import Servable
from app.engine.text.encoding import TextInput
from app.errors import BundleError, IncompleteBundle
from export.__main__ import main
from export.graphs import files
from export.graphs.files import copy_graph, infer_shapes, read_data, save_graph, weights_path
from export.parity.tolerances import change_tolerances
from export.pipeline import Request, export_bundle
from export.progress import Progress
from tests.support.checkpoints import make_checkpoint
from tests.support.families import choose_families
from tests.support.server import serving

LOOSE = [f"{p}.{f}" for p in ("fp16", "int8") for f in ("agreement=0.5", "metric_loss=0.5")]


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take every model for one that no ONNX file can hold, in our code and in optimum's."""
    monkeypatch.setattr(files, "MOST_INLINE_BYTES", 0)
    monkeypatch.setenv("FORCE_ONNX_EXTERNAL_DATA", "1")


def product(seed: int = 0) -> onnx.ModelProto:
    weight = np.random.default_rng(seed).normal(size=(64, 64)).astype(np.float32)
    tensors = [
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["n", 64]) for name in "xy"
    ]
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    graph = helper.make_graph(
        [node], "g", tensors[:1], tensors[1:], [numpy_helper.from_array(weight, "w")]
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)


@pytest.mark.usefixtures("large")
def test_a_copy_names_its_own_weights_and_a_smaller_graph_leaves_none_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = tmp_path / "a.onnx", tmp_path / "b.onnx"
    save_graph(product(), first)
    copy_graph(first, second)
    weights_path(first).unlink()
    assert list(read_data(second).weights) == ["b.onnx.data"]
    (weight,) = onnx.load(second).graph.initializer
    np.testing.assert_array_equal(
        numpy_helper.to_array(weight), numpy_helper.to_array(product().graph.initializer[0])
    )
    monkeypatch.setattr(files, "MOST_INLINE_BYTES", 1 << 20)
    save_graph(product(1), second)
    assert not weights_path(second).exists()
    assert read_data(second).weights == {}


def test_shapes_are_inferred_without_the_weights() -> None:
    model = product()
    model.graph.output[0].type.tensor_type.ClearField("shape")
    found = infer_shapes(model)
    assert [size.dim_value for size in found.output[0].type.tensor_type.shape.dim] == [0, 64]
    assert not any(item.HasField("raw_data") for item in found.initializer)
    assert model.graph.initializer[0].HasField("raw_data")


@pytest.fixture
def bundle(large: None, quiet: Progress, sentiment: Path, tmp_path: Path) -> Path:
    tolerances = change_tolerances(LOOSE)
    request = Request(sentiment, "m", tmp_path / "store", ("fp32", "fp16", "int8"), tolerances)
    return export_bundle(request, quiet)


def test_every_precision_is_exported_verified_listed_and_loaded(
    bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = open_bundle(bundle).manifest
    for precision, graph in manifest.graphs.items():
        assert graph.weights is not None
        assert graph.weights.file == f"model.{precision}.onnx.data"
        assert (bundle / graph.weights.file).stat().st_size == graph.weights.bytes
        assert load_servable(bundle, OnnxRuntimeBackend(), precision).runtime.precision == precision
    graphs = manifest.graphs
    assert "2 Attention" in graphs["fp32"].recipe
    assert graphs["fp32"].total_bytes > graphs["fp16"].total_bytes
    assert "must fit into one file" in (bundle / "report.md").read_text()
    assert main(["verify", str(bundle)]) == 0
    assert main(["list", str(bundle.parents[1])]) == 0
    assert main(["inspect", str(bundle)]) == 0
    assert "graphs.int8.weights.sha256" in capsys.readouterr().out


@pytest.mark.usefixtures("large")
def test_a_family_without_fusions_is_exported_too(quiet: Progress, tmp_path: Path) -> None:
    (mpnet,) = choose_families(["mpnet"])
    folder = make_checkpoint(mpnet, "token-classification", tmp_path / "mpnet")
    request = Request(folder, "m", tmp_path / "store", ("fp32",), change_tolerances(LOOSE))
    assert main(["verify", str(export_bundle(request, quiet))]) == 0


@pytest.mark.usefixtures("large")
def test_fixed_ranges_are_observed_too(
    quiet: Progress,
    sentiment: Path,
    texts: list[str],
    write_labelled: Callable[..., Path],
    tmp_path: Path,
) -> None:
    file = write_labelled([{"text": text, "label": "positive"} for text in texts * 2])
    request = Request(sentiment, "s", tmp_path, ("int8",), change_tolerances(LOOSE), file)
    manifest = open_bundle(export_bundle(request, quiet)).manifest
    assert "in fixed ranges" in manifest.graphs["int8"].recipe
    assert manifest.graphs["int8"].weights is not None


def test_the_service_answers_with_weights_from_their_own_file(bundle: Path) -> None:
    with serving(bundle.parents[1]) as server, server.client() as client:
        answer = client.post("/v1/classify", json={"model": "m", "inputs": "ba be"}).json()
    expected = Servable.load(open_bundle(bundle), OnnxRuntimeBackend(), Mode("int8"))
    (logits,) = expected.run(expected.encode(TextInput("ba be"), "error", 1).windows)
    scores = {item["label"]: item["score"] for item in answer["results"][0]["labels"]}
    wanted = np.exp(logits) / np.exp(logits).sum()
    assert [scores[label] for label in ("negative", "positive")] == pytest.approx(wanted, abs=1e-5)


@pytest.mark.parametrize(
    ("damage", "error", "message"),
    [
        (lambda file: file.write_bytes(file.read_bytes()[:-1]), IncompleteBundle, "was cut short"),
        (lambda file: file.write_bytes(b"\0" * file.stat().st_size), BundleError, "sha256"),
        (lambda file: file.unlink(), IncompleteBundle, "is missing"),
        (lambda file: os.truncate(file, file.stat().st_size + 1), BundleError, "more than the"),
        (
            lambda file: file.symlink_to(file.rename(file.parents[3] / "weights")),
            BundleError,
            "outside the model store",
        ),
    ],
)
def test_weights_that_are_not_those_of_the_manifest_are_refused(
    bundle: Path, damage: Callable[[Path], Any], error: type[Exception], message: str
) -> None:
    damage(bundle / "model.fp32.onnx.data")
    with pytest.raises(error, match=message):
        load_servable(bundle, OnnxRuntimeBackend(), "fp32")


@pytest.mark.parametrize("file", ["../m.data", "/etc/passwd"])
def test_a_graph_reads_no_weights_but_those_of_its_manifest(bundle: Path, file: str) -> None:
    path = bundle / "manifest.json"
    manifest = json.loads(path.read_text())
    weights = manifest["graphs"]["fp32"].pop("weights")
    path.write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match="ONNX Runtime does not load the graph"):
        load_servable(bundle, OnnxRuntimeBackend(), "fp32")
    manifest["graphs"]["fp32"]["weights"] = weights | {"file": file}
    path.write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match=r"graphs\.fp32\.weights\.file"):
        open_bundle(bundle)
