"""Hybrid int8: fixed ranges behind norms and attention, one scale a token elsewhere."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import NodeProto, TensorProto, helper, numpy_helper

from export.checkpoint.load import load_checkpoint
from export.graphs.convert import Graph, export_graph
from export.graphs.int8.hybrid import HybridQuantizer, QuantizationInput, static_layers
from export.graphs.int8.quantize import Quantizer
from export.graphs.int8.smoothing import smooth
from export.parity.measure import measure
from export.reference.workload import prepare_workload
from tests.support.checkpoints import make_checkpoint as make_family
from tests.support.families import choose_families

WIDTH, OUT, ROWS = 64, 48, 300
PRODUCT = "MatMulIntegerToFloat"
Made = tuple[QuantizationInput, Graph]


def prepare(folder: Path, scratch: Path) -> QuantizationInput:
    """Return the quantization input of a checkpoint, with some of the built-in texts."""
    checkpoint = load_checkpoint(folder)
    texts = prepare_workload(checkpoint, []).encodings[::4]
    source = export_graph(checkpoint, scratch, None)
    quantizer = Quantizer.prepare(checkpoint, source, scratch)
    return QuantizationInput.prepare(quantizer, texts, checkpoint.pad_token_id)


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Return the source and the graph of a tiny BERT with biases, three encoder layers deep."""
    scratch = tmp_path_factory.mktemp("hybrid")
    source = prepare(make_tiny("bert", scratch / "checkpoint"), scratch)
    return source, HybridQuantizer.prepare(source).quantize()


def make_tiny(family: str, folder: Path) -> Path:
    (found,) = choose_families([family])
    return make_family(found, "sequence-classification", folder)


def nodes_of(path: Path) -> list[NodeProto]:
    return list(onnx.load(path).graph.node)


def test_all_layers_of_a_bert_but_those_behind_gelu_have_fixed_ranges(
    bert: Made,
) -> None:
    source, graph = bert
    behind_gelu = {name for name in source.layers if "/output/dense" in name}
    behind_gelu -= {name for name in source.layers if "/attention/" in name}
    assert static_layers(source) == set(source.layers) - behind_gelu
    assert len(behind_gelu) == 3
    assert f"fixed ranges (15 layers, ranges of {len(source.feeds)} texts)" in graph.recipe
    assert "a token (3 layers) in 18 linear layers" in graph.recipe


def test_a_fixed_range_leaves_nothing_to_be_found_or_scaled_as_it_runs(
    bert: Made,
) -> None:
    source, graph = bert
    nodes = nodes_of(graph.path)
    counted = Counter(node.op_type for node in nodes)
    products = [node for node in nodes if node.op_type == PRODUCT]
    scaled = {name for node in nodes if node.op_type == "Mul" for name in node.input}
    rows = [node for node in products if node.output[0] in scaled]
    assert len(products) == len(source.layers)
    assert len(rows) == len(source.layers) - len(static_layers(source)) == counted["ReduceMax"] == 3
    assert counted["Abs"] == 0
    constants = {item.name for item in onnx.load(graph.path).graph.initializer}
    for node in products:
        if node not in rows:
            assert {node.input[2], node.input[4]} <= constants


def test_products_with_a_fixed_range_add_their_biases(
    bert: Made,
) -> None:
    source, graph = bert
    nodes = nodes_of(graph.path)
    biased = [node for node in nodes if node.op_type == PRODUCT and len(node.input) > 5]
    assert len(biased) == len(static_layers(source))
    assert not [node for node in nodes if node.op_type == "BiasGelu"]
    assert not any(node.input[3] for node in nodes if node.op_type == "MultiHeadAttention")


def test_an_answer_is_the_same_to_the_last_bit_alone_and_in_company(
    bert: Made,
) -> None:
    _, graph = bert
    session = ort.InferenceSession(graph.path, providers=["CPUExecutionProvider"])
    ids = np.random.default_rng(5).integers(5, 60, (6, 12))
    mask = np.ones_like(ids)
    mask[1::2, 7:] = 0
    feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
    together = session.run(None, feed)[0]
    for row in range(6):
        tokens = int(mask[row].sum())
        alone = {name: values[row : row + 1, :tokens] for name, values in feed.items()}
        np.testing.assert_array_equal(session.run(None, alone)[0][0], together[row])


def test_smoothing_behind_attention_costs_nothing_as_it_runs(bert: Made, tmp_path: Path) -> None:
    """The factors go into the layer that makes the values; no node is added."""
    source, _ = bert
    nodes = nodes_of(source.path)
    attention = {name for n in nodes if n.op_type == "MultiHeadAttention" for name in n.output}
    layers = [
        node.name for node in nodes if node.name in source.layers and node.input[0] in attention
    ]
    smooth(source.path, tmp_path / "smoothed.onnx", layers, source.feeds)
    made = onnx.load(tmp_path / "smoothed.onnx").graph
    assert [node.op_type for node in made.node] == [node.op_type for node in nodes]
    before = {item.name: item for item in onnx.load(source.path).graph.initializer}
    moved = [item.name for item in made.initializer if item != before[item.name]]
    # Of each of the three attentions: the values' weight, the bias, and the weight that reads it.
    assert len(moved) == 3 * len(layers) == 9


def build(
    path: Path, nodes: Sequence[NodeProto], shapes: dict[str, tuple[int, ...]]
) -> QuantizationInput:
    """Return the input for a graph that looks up `rows` of `table` first, and makes `out`."""
    lot = np.random.default_rng(6)
    weights = [
        numpy_helper.from_array(lot.normal(size=shape).astype(np.float32), name)
        for name, shape in (shapes | {"table": (ROWS, WIDTH)}).items()
    ]
    graph = helper.make_graph(
        [helper.make_node("Gather", ["table", "ids"], ["rows"]), *nodes],
        "built",
        [helper.make_tensor_value_info("ids", TensorProto.INT64, ["batch", "tokens"])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, ["batch", "tokens", OUT])],
        weights,
    )
    opset = [helper.make_opsetid("", 18)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=10), path)
    layers = tuple(node.name for node in nodes if node.op_type == "MatMul")
    feeds = tuple({"ids": lot.integers(0, ROWS, (1, 30))} for _ in range(8))
    return QuantizationInput(Quantizer(path, "built", layers), path, feeds)


def run(path: Path, ids: Any) -> np.ndarray:
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    out: np.ndarray = session.run(None, {"ids": ids})[0]
    return out


NORM = helper.make_node("LayerNormalization", ["first_out", "gain", "offset"], ["even"], axis=-1)
TWO_LAYERS = [
    helper.make_node("MatMul", ["rows", "first"], ["first_out"], "no norm in front"),
    NORM,
    helper.make_node("MatMul", ["even", "second"], ["product"], "behind a norm"),
    helper.make_node("Add", ["bias", "product"], ["out"]),
]
SHAPES = {"first": (WIDTH, WIDTH), "gain": (WIDTH,), "offset": (WIDTH,), "second": (WIDTH, OUT)}


def test_a_layer_without_a_norm_in_front_keeps_a_scale_a_token(tmp_path: Path) -> None:
    source = build(tmp_path / "built.onnx", TWO_LAYERS, SHAPES | {"bias": (OUT,)})
    assert static_layers(source) == {"behind a norm"}
    graph = HybridQuantizer.prepare(source).quantize()
    made = Counter(node.op_type for node in nodes_of(graph.path))
    assert (made[PRODUCT], made["ReduceMax"], made["Add"]) == (2, 1, 0)
    ids = np.arange(40).reshape(2, 20)
    expected = run(source.path, ids)
    assert np.abs(run(graph.path, ids) - expected).max() < 0.05 * np.abs(expected).max()


def test_layers_that_share_a_weight_keep_a_scale_a_token(tmp_path: Path) -> None:
    shared = [
        *TWO_LAYERS[:3],
        helper.make_node("MatMul", ["rows", "second"], ["other"], "the same weight"),
        helper.make_node("Add", ["other", "product"], ["out"]),
    ]
    assert not static_layers(build(tmp_path / "built.onnx", shared, SHAPES))


@pytest.mark.parametrize(("name", "static"), [("bert", 15), ("albert", 1), ("mpnet", 12)])
def test_a_family_is_exported_however_few_of_its_layers_are_known(
    name: str, static: int, tmp_path: Path
) -> None:
    folder = make_tiny(name, tmp_path / "checkpoint")
    source = prepare(folder, tmp_path)
    assert len(static_layers(source)) == static
    checkpoint = load_checkpoint(folder)
    graph = HybridQuantizer.prepare(source).quantize()
    measured = measure(checkpoint, graph, prepare_workload(checkpoint, []))
    assert measured.batch_invariant
    assert measured.parity.agreement >= 0.8
    assert measured.parity.max_score_difference < 0.25


def test_without_texts_to_take_ranges_from_it_is_refused(
    bert: Made,
) -> None:
    source, _ = bert
    with pytest.raises(ValueError, match="no texts to take ranges from; give at least one"):
        HybridQuantizer.prepare(QuantizationInput(source.quantizer, source.path, ()))


def test_the_range_with_the_greatest_loss_is_dropped_first(
    bert: Made,
) -> None:
    source, whole = bert
    hybrid = HybridQuantizer.prepare(source)
    losses = [one.loss for one in hybrid.stats.values()]
    assert losses == sorted(losses, reverse=True)
    first = next(iter(hybrid.stats))
    readers = [layer for layer, name in hybrid.reads.items() if name == first]
    graph = hybrid.quantize(dropped=1)
    scaled = [Counter(n.op_type for n in nodes_of(one.path))["ReduceMax"] for one in (whole, graph)]
    assert scaled[1] == scaled[0] + 1
    assert f"fixed ranges ({15 - len(readers)} layers" in graph.recipe
