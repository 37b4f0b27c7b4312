"""The nodes of a packed graph: ONNX Runtime knows them; no rows or bytes too many."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import NodeProto, TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from onnxruntime.capi.onnxruntime_pybind11_state import get_all_operator_schema

from app.engine.backends.packing import pack
from export.graphs.packed import build, operators
from export.graphs.packed.build import build_packed
from export.graphs.packed.families import LAYOUTS
from export.reference.workload import Workload, prepare_workload
from tests.support.checkpoints import LABELS
from tests.support.packed import TASKS, load, open_graph, widen


def test_a_classifiers_last_layer_ends_with_the_first_tokens(
    tmp_path: Path,
) -> None:
    checkpoint = load("bert", TASKS[0], tmp_path)
    graph, workload = open_graph(checkpoint, tmp_path), prepare_workload(checkpoint, [])
    sizes = sizes_of(graph, workload)
    tokens, texts = sum(one.tokens for one in workload.encodings), len(workload.encodings)
    layers = [(n.name, sizes[n.output[0]][0]) for n in graph.graph.node if n.op_type == "MatMul"]
    assert [rows for name, rows in layers if not name.startswith("layer.2.")] == [tokens] * 8
    assert [rows for name, rows in layers if name.startswith("layer.2.")] == [tokens] + [texts] * 3
    assert texts < tokens


def sizes_of(graph: onnx.ModelProto, workload: Workload) -> dict[str, tuple[int, ...]]:
    feeds = pack(workload.encodings, [item.name for item in graph.graph.input])
    return {name: value.shape for name, value in run_all(graph, feeds).items()}


def run_all(graph: onnx.ModelProto, feeds: dict[str, Any]) -> dict[str, np.ndarray]:
    """Return every value that the graph makes."""
    evaluator = ReferenceEvaluator(graph, new_ops=list(operators.OPERATORS))
    values = evaluator.run(None, feeds, intermediate=True)
    return {name: np.asarray(value) for name, value in values.items() if value is not None}


def test_sizes_have_names_and_all_inputs_are_int32(tmp_path: Path) -> None:
    for task, rows in zip(TASKS, ("sequences", "tokens"), strict=True):
        model = open_graph(load("bert", task, tmp_path / task), tmp_path)
        items = {item.name: item.type.tensor_type for item in model.graph.input}
        assert {one.elem_type for one in items.values()} == {TensorProto.INT32}
        shapes = {
            name: tuple(dim.dim_param or dim.dim_value for dim in one.shape.dim)
            for name, one in items.items()
        }
        assert shapes == build.SHAPES
        (logits,) = model.graph.output
        assert (logits.name, logits.type.tensor_type.elem_type) == ("logits", TensorProto.FLOAT)
        dims = logits.type.tensor_type.shape.dim
        assert (dims[0].dim_param, dims[1].dim_value) == (rows, len(LABELS[task]))


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_node_is_one_that_onnx_runtime_knows_with_these_inputs(
    name: str, tmp_path: Path
) -> None:
    """It types the whole graph and then misses one kernel, which only CUDA has."""
    checkpoint = load(name, TASKS[0], tmp_path)
    model = open_graph(checkpoint, tmp_path)
    onnx.checker.check_model(model)
    feeds = pack(
        prepare_workload(checkpoint, []).encodings[:3], [item.name for item in model.graph.input]
    )
    kinds = {value: array.dtype for value, array in run_all(model, feeds).items()}
    kinds |= {one.name: numpy_helper.to_array(one).dtype for one in model.graph.initializer}
    contrib = {s.name: s for s in get_all_operator_schema() if s.domain == "com.microsoft"}
    for node in model.graph.node:
        if node.domain:
            check_node(node, contrib[node.op_type], kinds)
    with pytest.raises(Exception, match="kernel for com.microsoft.PackedMultiHeadAttention"):
        ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


def check_node(node: NodeProto, schema: Any, kinds: dict[str, np.dtype]) -> None:
    """Hold a node against the operator's own description."""
    required = sum(one.option.name == "Single" for one in schema.inputs)
    assert required <= len(node.input) <= len(schema.inputs)
    assert {one.name for one in node.attribute} <= set(schema.attributes)
    allowed = {t.type_param_str: set(t.allowed_type_strs) for t in schema.type_constraints}
    for given, one in zip(node.input, schema.inputs, strict=False):
        if given:
            shown = {"float16": "tensor(float16)", "int32": "tensor(int32)"}[str(kinds[given])]
            assert shown in allowed[one.typeStr]
        else:
            assert one.option.name == "Optional"


@pytest.mark.parametrize("name", ["bert", "albert"])
def test_the_reference_computes_what_onnx_runtimes_own_nodes_compute(
    name: str, tmp_path: Path
) -> None:
    """All but attention, which has no kernel for a CPU, and is checked against PyTorch."""
    checkpoint = load(name, TASKS[0], tmp_path)
    model = widen(open_graph(checkpoint, tmp_path))
    encodings = prepare_workload(checkpoint, []).encodings[:5]
    feeds = pack(encodings, [item.name for item in model.graph.input])
    values = run_all(model, feeds)
    values |= {one.name: numpy_helper.to_array(one) for one in model.graph.initializer}
    nodes = [n for n in model.graph.node if n.op_type != "PackedMultiHeadAttention"]
    assert len(nodes) > 30
    for node in nodes:
        expected = values[node.output[0]]
        np.testing.assert_allclose(run_node(node, values), expected, rtol=0, atol=1e-4)


def run_node(node: NodeProto, values: dict[str, np.ndarray]) -> np.ndarray:
    given = {one: values[one] for one in node.input if one}
    items = [
        helper.make_tensor_value_info(k, helper.np_dtype_to_tensor_dtype(v.dtype), v.shape)
        for k, v in given.items()
    ]
    kind = helper.np_dtype_to_tensor_dtype(values[node.output[0]].dtype)
    output = helper.make_tensor_value_info(node.output[0], kind, None)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(
        helper.make_graph([node], "one", items, [output]), opset_imports=opsets, ir_version=10
    )
    runtime = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.asarray(runtime.run([node.output[0]], given)[0])


def test_shared_layers_are_stored_once_and_all_weights_in_half_the_bytes(tmp_path: Path) -> None:
    for name in ("albert", "bert"):
        checkpoint = load(name, TASKS[0], tmp_path / name)
        graph = build_packed(checkpoint, tmp_path / f"{name}.onnx")
        assert graph.bytes < checkpoint.parameters * 2 * 1.02 + 12_000  # the nodes themselves
        stored = [one.name for one in onnx.load(graph.path).graph.initializer]
        assert sum(one.endswith("qkv.weight") for one in stored) == (1 if name == "albert" else 3)
