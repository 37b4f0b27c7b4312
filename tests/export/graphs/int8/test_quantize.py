"""Int8 with one scale a token: close to fp32, small, and the same alone and in a batch."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from export.graphs.int8.layers import find_layers
from export.graphs.int8.quantize import quantize_per_token

WIDTH, OUT, ROWS = 64, 48, 300


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """Return a graph that looks tokens up and sends them through one linear layer."""
    lot = np.random.default_rng(3)
    table = lot.normal(size=(ROWS, WIDTH)).astype(np.float32)
    weight = lot.normal(size=(WIDTH, OUT)).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("Gather", ["table", "ids"], ["rows"]),
            helper.make_node("MatMul", ["rows", "weight"], ["out"], name="layer"),
        ],
        "plain",
        [helper.make_tensor_value_info("ids", TensorProto.INT64, ["batch", "tokens"])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, ["batch", "tokens", OUT])],
        [numpy_helper.from_array(table, "table"), numpy_helper.from_array(weight, "weight")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    path = tmp_path / "plain.onnx"
    onnx.save(model, path)
    return path


def run(path: Path, ids: np.ndarray) -> np.ndarray:
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    out: np.ndarray = session.run(None, {"ids": ids})[0]
    return out


def test_answers_are_close_and_the_file_is_a_quarter(plain: Path, tmp_path: Path) -> None:
    target = tmp_path / "int8.onnx"
    quantize_per_token(plain, target)
    ids = np.arange(24, dtype=np.int64).reshape(2, 12)
    expected = run(plain, ids)
    error = np.abs(run(target, ids) - expected).max()
    assert error < 0.03 * np.abs(expected).max()
    assert target.stat().st_size < 0.35 * plain.stat().st_size


def test_an_answer_does_not_depend_on_its_neighbours(plain: Path, tmp_path: Path) -> None:
    target = tmp_path / "int8.onnx"
    quantize_per_token(plain, target)
    ids = np.arange(80, dtype=np.int64).reshape(4, 20)
    together = run(target, ids)
    for row in range(4):
        np.testing.assert_array_equal(run(target, ids[row : row + 1])[0], together[row])


def test_layers_to_keep_stay_in_fp32(plain: Path, tmp_path: Path) -> None:
    target = tmp_path / "kept.onnx"
    assert find_layers(onnx.load(plain)) == ("layer",)
    quantize_per_token(plain, target, kept_fp32=["layer"])
    assert "MatMul" in [node.op_type for node in onnx.load(target).graph.node]


def test_layers_that_read_no_tokens_stay_in_fp32(plain: Path, tmp_path: Path) -> None:
    """Add a layer over relative positions, as many rows for any text, and a head over one row."""
    model = onnx.load(plain)
    lot = np.random.default_rng(4)
    arrays = {
        "positions": lot.normal(size=(1, 7, WIDTH)),
        "inner": lot.normal(size=(WIDTH, OUT)),
        "head": lot.normal(size=(WIDTH, OUT)),
    }
    added = [numpy_helper.from_array(v.astype(np.float32), k) for k, v in arrays.items()]
    model.graph.initializer.extend([*added, numpy_helper.from_array(np.array(0), "first")])
    model.graph.node.extend(
        [
            helper.make_node("Identity", ["positions"], ["near"]),
            helper.make_node("MatMul", ["near", "inner"], ["near_out"]),
            helper.make_node("Gather", ["rows", "first"], ["pooled"], axis=1),
            helper.make_node("MatMul", ["pooled", "head"], ["head_out"]),
        ]
    )
    for name in ("near_out", "head_out"):
        model.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))
    onnx.save(model, tmp_path / "more.onnx")
    target = tmp_path / "int8.onnx"
    assert find_layers(model) == ("layer",)
    quantize_per_token(tmp_path / "more.onnx", target)
    assert run(target, np.arange(24, dtype=np.int64).reshape(2, 12)).shape == (2, 12, OUT)
