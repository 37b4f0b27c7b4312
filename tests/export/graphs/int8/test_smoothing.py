"""Smoothing: the fp32 answers stay the same, and a norm takes the factors if it can."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from export.graphs.int8.smoothing import smooth


def test_smoothing_costs_nothing_where_only_layers_read_a_norm(tmp_path: Path) -> None:
    lot = np.random.default_rng(1)
    shapes = {"gain": (8,), "bias": (8,), "one": (8, 4), "two": (8, 4)}
    weights = [
        numpy_helper.from_array(lot.normal(size=shape).astype(np.float32), name)
        for name, shape in shapes.items()
    ]
    nodes = [
        helper.make_node("LayerNormalization", ["x", "gain", "bias"], ["y"], "norm"),
        helper.make_node("MatMul", ["y", "one"], ["a"], "first"),
        helper.make_node("MatMul", ["y", "two"], ["b"], "second"),
    ]
    values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in ("a", "b")]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, None, 8])
    graph = helper.make_graph(nodes, "pre-norm", [x], values, weights)
    opset = [helper.make_opsetid("", 18)]
    source, target = tmp_path / "source.onnx", tmp_path / "target.onnx"
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=10), source)
    feed = {"x": lot.normal(size=(1, 5, 8)).astype(np.float32)}
    smooth(source, target, ["first", "second"], [feed])  # type: ignore[list-item]
    made = onnx.load(target).graph
    assert [node.op_type for node in made.node] == [node.op_type for node in nodes]
    before, after = (_gain(onnx.load(path)) for path in (source, target))
    assert not np.allclose(before, after)


def _gain(model: onnx.ModelProto) -> np.ndarray:
    (item,) = (item for item in model.graph.initializer if item.name == "gain")
    return numpy_helper.to_array(item)
