"""The schemes of int8: each small and close to fp32, and what its invariance is known to be."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from app.engine.backends.onnxruntime import OnnxSession
from app.engine.text.encoding import Encoding
from export.checkpoint.load import Checkpoint, load_checkpoint
from export.graphs.convert import Graph, export_graph, fuse_graph
from export.graphs.int8.per_block import BLOCK, pack_blocks
from export.graphs.int8.quantization_input import Base
from export.graphs.int8.quantize import Quantizer
from export.graphs.int8.smoothing import smooth
from export.int8.schemes import SCHEMES
from export.int8.static import quantize_statically
from export.parity.measure import Measurement, measure
from export.reference.workload import Workload, prepare_workload

EIGHT_BITS = (TensorProto.INT8, TensorProto.UINT8)
INVARIANT = [scheme.name for scheme in SCHEMES if scheme.name != "dynamic"]


class Bench:
    """A tiny checkpoint, its fp32 graph, and each scheme measured once."""

    def __init__(self, checkpoint: Checkpoint, folder: Path) -> None:
        self.checkpoint = checkpoint
        self.workload: Workload = prepare_workload(checkpoint, [])
        source = export_graph(checkpoint, folder, None)
        self.fp32 = fuse_graph(checkpoint, source, folder / "fp32.onnx")
        quantizer = Quantizer.prepare(checkpoint, source, folder)
        self.base = Base.prepare(quantizer, self.texts, checkpoint.pad_token_id)
        self._made: dict[str, tuple[Graph, Measurement]] = {}

    @property
    def texts(self) -> list[Encoding]:
        return self.workload.encodings[::4]

    def try_scheme(self, name: str) -> tuple[Graph, Measurement]:
        if name not in self._made:
            (scheme,) = (one for one in SCHEMES if one.name == name)
            graph = scheme.make(self.base)
            self._made[name] = graph, measure(self.checkpoint, graph, self.workload)
        return self._made[name]

    def logits(self, path: Path, text: Encoding) -> np.ndarray:
        inputs = self.fp32.inputs
        session = OnnxSession(
            path.read_bytes(), inputs, self.checkpoint.pad_token_id, "CPUExecutionProvider"
        )
        return session.run([text])[0]


@pytest.fixture(scope="module")
def bench(sentiment: Path, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(load_checkpoint(sentiment), tmp_path_factory.mktemp("bench"))


@pytest.mark.parametrize("name", [scheme.name for scheme in SCHEMES])
def test_a_graph_is_smaller_and_answers_as_the_checkpoint_does(bench: Bench, name: str) -> None:
    graph, measured = bench.try_scheme(name)
    assert graph.precision == "int8"
    assert graph.bytes < bench.fp32.bytes
    assert f"in {len(bench.base.layers)} linear layers" in graph.recipe
    weights = onnx.load(graph.path).graph.initializer
    whole = [w for w in weights if w.data_type in EIGHT_BITS and len(w.dims) >= 2]
    assert len(whole) >= len(bench.base.layers)
    assert measured.parity.agreement >= 0.9
    assert measured.parity.max_score_difference < 0.2


@pytest.mark.parametrize("name", INVARIANT)
def test_an_answer_does_not_depend_on_its_neighbours(bench: Bench, name: str) -> None:
    assert bench.try_scheme(name)[1].batch_invariant


def test_dynamic_int8_is_found_not_to_be_batch_invariant(bench: Bench) -> None:
    _, measured = bench.try_scheme("dynamic")
    assert not measured.batch_invariant
    assert measured.parity.batch_max_score_difference > 1e-4


def test_smoothing_alone_leaves_the_answers_as_they_were(bench: Bench, tmp_path: Path) -> None:
    target = tmp_path / "smoothed.onnx"
    smooth(bench.base.path, target, bench.base.layers, bench.base.feeds)
    weights = [
        {item.name: numpy_helper.to_array(item) for item in onnx.load(path).graph.initializer}
        for path in (bench.base.path, target)
    ]
    moved = [n for n in weights[0] if not np.array_equal(weights[0][n], weights[1].get(n))]
    assert len(moved) >= len(bench.base.layers)
    for text in bench.texts:
        before, after = bench.logits(bench.base.path, text), bench.logits(target, text)
        np.testing.assert_allclose(after, before, atol=1e-5)


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


@pytest.mark.parametrize("name", ["static", "static, smoothed"])
def test_static_int8_leaves_no_layer_in_fp32_and_every_residual_in_fp32(
    bench: Bench, name: str
) -> None:
    """Without types the quantizer skips activations in silence; their other readers suffer."""
    nodes = onnx.load(bench.try_scheme(name)[0].path).graph.node
    makers = {output: node.op_type for node in nodes for output in node.output}
    layers = [node for node in nodes if node.name in bench.base.layers]
    assert len(layers) == len(bench.base.layers)
    assert {makers[node.input[0]] for node in layers} == {"DequantizeLinear"}
    sums = [name for node in nodes if node.op_type == "Sum" for name in node.input]
    assert "DequantizeLinear" not in {makers.get(name) for name in sums}


def _gain(model: onnx.ModelProto) -> np.ndarray:
    (item,) = (item for item in model.graph.initializer if item.name == "gain")
    return numpy_helper.to_array(item)


def test_blocks_hold_the_weight_they_were_packed_from() -> None:
    weight = np.random.default_rng(2).normal(size=(BLOCK + 10, 6)).astype(np.float32)
    packed, scales = pack_blocks(weight)
    assert packed.shape == (6, 2, BLOCK)
    again = ((packed.astype(np.float32) - 128) * scales[..., None]).reshape(6, -1).T
    assert np.abs(again[: len(weight)] - weight).max() <= scales.max() / 2 + 1e-6
    assert (again[len(weight) :] == 0).all()


def test_static_int8_without_texts_to_calibrate_on_is_refused(bench: Bench) -> None:
    bare = Base(bench.base.quantizer, bench.base.path, ())
    with pytest.raises(ValueError, match="no texts to calibrate on; give at least one"):
        quantize_statically(bare)
