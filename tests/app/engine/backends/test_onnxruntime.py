"""A session on the CPU keeps what it needs alone, and all share the memory for their batches."""

import sys

import numpy as np
import onnx
from onnx import TensorProto, helper

from app.bundle.files import GraphData
from app.engine.backends.onnxruntime import OnnxSession
from app.engine.text.encoding import without_layout
from app.memory import resident_bytes

WIDTH = 2048
TOKENS = 4096
BATCH_BYTES = WIDTH * TOKENS * 4


def make_graph() -> bytes:
    """Return a graph without weights to speak of, whose batches take WIDTH floats a token."""
    nodes = [
        helper.make_node("Cast", ["input_ids"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["floats", "last"], ["column"]),
        helper.make_node("Mul", ["column", "row"], ["wide"]),
        helper.make_node("ReduceMax", ["wide", "tokens"], ["logits"], keepdims=0),
    ]
    ids = helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["batch", "tokens"])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", WIDTH])
    weights = [
        onnx.numpy_helper.from_array(np.array([2]), "last"),
        onnx.numpy_helper.from_array(np.array([1]), "tokens"),
        onnx.numpy_helper.from_array(np.ones(WIDTH, np.float32), "row"),
    ]
    graph = helper.make_graph(nodes, "wide", [ids], [logits], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    data: bytes = model.SerializeToString()
    return data


def load(data: bytes) -> OnnxSession:
    return OnnxSession(GraphData(data), ["input_ids"], 0, "CPUExecutionProvider")


def test_the_graph_lies_in_memory_once() -> None:
    data = make_graph()
    before = sys.getrefcount(data)
    session = load(data)
    assert sys.getrefcount(data) == before, "its bytes are kept beside what was made of them"
    ids = np.ones(8, np.int64)
    assert session.run([without_layout(ids, ids)])[0].tolist() == [1.0] * WIDTH


def test_a_further_model_runs_its_batches_in_the_memory_of_the_first() -> None:
    ids = np.ones(TOKENS, np.int64)
    sessions = [load(make_graph()) for _ in range(5)]
    sizes = []
    for session in sessions:
        session.run([without_layout(ids, ids)])
        sizes.append(resident_bytes() or 0)
    assert sizes[0] > 0
    assert sizes[-1] - sizes[0] < BATCH_BYTES, "each of four has taken an arena of its own"
