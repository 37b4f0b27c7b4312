"""Every kind of int8 that export tries: small, close to fp32, the same alone and in a batch."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper

from app.engine.backends.onnxruntime import OnnxSession
from app.engine.text.encoding import Encoding
from export.checkpoint.load import Checkpoint, load_checkpoint
from export.graphs.convert import PROVIDER, Graph, export_graph, fuse_graph, read_graph
from export.graphs.files import read_data
from export.graphs.int8.hybrid import HybridQuantizer, QuantizationInput
from export.graphs.int8.quantize import Quantizer, quantize_per_token
from export.graphs.int8.smoothing import smooth
from export.parity.measure import Measurement, measure
from export.reference.workload import Workload, prepare_workload

EIGHT_BITS = (TensorProto.INT8, TensorProto.UINT8)


def smooth_and_quantize_per_token(source: QuantizationInput) -> Graph:
    smoothed = source.path.with_name("all-smoothed.onnx")
    target = source.path.with_name("smoothed-per-token.onnx")
    smooth(source.path, smoothed, source.layers, source.feeds)
    quantize_per_token(smoothed, target)
    return read_graph(target, "int8", f"one scale a token in {len(source.layers)} linear layers")


KINDS: dict[str, Callable[[QuantizationInput], Graph]] = {
    "hybrid": lambda source: HybridQuantizer.prepare(source).quantize(),
    "per token": lambda source: source.quantizer.quantize(),
    "per token, smoothed": smooth_and_quantize_per_token,
}


class Bench:
    """A tiny checkpoint, its fp32 graph, and each kind of int8 measured once."""

    def __init__(self, checkpoint: Checkpoint, folder: Path) -> None:
        self.checkpoint = checkpoint
        self.workload: Workload = prepare_workload(checkpoint, [])
        self.texts: list[Encoding] = self.workload.encodings[::4]
        unfused = export_graph(checkpoint, folder, None)
        self.fp32 = fuse_graph(checkpoint, unfused, folder / "fp32.onnx")
        quantizer = Quantizer.prepare(checkpoint, unfused, folder)
        pad = checkpoint.pad_token_id
        self.source = QuantizationInput.prepare(quantizer, self.texts, pad)
        self._made: dict[str, tuple[Graph, Measurement]] = {}

    def try_kind(self, name: str) -> tuple[Graph, Measurement]:
        if name not in self._made:
            graph = KINDS[name](self.source)
            self._made[name] = graph, measure(self.checkpoint, graph, self.workload)
        return self._made[name]

    def logits(self, path: Path, text: Encoding) -> np.ndarray:
        pad = self.checkpoint.pad_token_id
        return OnnxSession(read_data(path), self.fp32.inputs, pad, PROVIDER).run([text])[0]


@pytest.fixture(scope="module")
def bench(sentiment: Path, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(load_checkpoint(sentiment), tmp_path_factory.mktemp("bench"))


@pytest.mark.parametrize("name", KINDS)
def test_a_graph_is_smaller_and_answers_as_the_checkpoint_does(bench: Bench, name: str) -> None:
    graph, measured = bench.try_kind(name)
    assert graph.precision == "int8"
    assert graph.bytes < bench.fp32.bytes
    assert f"in {len(bench.source.layers)} linear layers" in graph.recipe
    weights = onnx.load(graph.path).graph.initializer
    whole = [w for w in weights if w.data_type in EIGHT_BITS and len(w.dims) >= 2]
    assert len(whole) >= len(bench.source.layers)
    assert measured.parity.agreement >= 0.9
    assert measured.parity.max_score_difference < 0.2


@pytest.mark.parametrize("name", KINDS)
def test_an_answer_does_not_depend_on_its_neighbours(bench: Bench, name: str) -> None:
    assert bench.try_kind(name)[1].batch_invariant


def test_smoothing_alone_leaves_the_answers_as_they_were(bench: Bench, tmp_path: Path) -> None:
    source, target = bench.source, tmp_path / "smoothed.onnx"
    smooth(source.path, target, source.layers, source.feeds)
    weights = [
        {item.name: numpy_helper.to_array(item) for item in onnx.load(path).graph.initializer}
        for path in (source.path, target)
    ]
    moved = [n for n in weights[0] if not np.array_equal(weights[0][n], weights[1].get(n))]
    assert len(moved) >= len(source.layers)
    for text in bench.texts:
        before, after = bench.logits(source.path, text), bench.logits(target, text)
        np.testing.assert_allclose(after, before, atol=1e-5)
