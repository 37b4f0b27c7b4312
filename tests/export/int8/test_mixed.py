"""Mixed int8: fixed ranges behind norms and attention, a scale a token for whatever else reads."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import NodeProto, TensorProto, helper, numpy_helper

from app.bundle import Manifest, open_bundle
from export.attempt import Gate
from export.checkpoint import load_checkpoint
from export.convert import Graph, export_graph
from export.exporter import Request, export_bundle
from export.gates import change_tolerances
from export.int8 import choice
from export.int8.base import Base
from export.int8.mixed import Calibrated, quantize_mixed, steady_layers
from export.int8.quantize import Quantizer
from export.int8.ranges import Reach
from export.int8.smoothing import smooth
from export.progress import Progress
from export.split import PLENTY
from export.support.checkpoints import make_checkpoint as make_family
from export.support.families import choose_families
from export.verify import measure
from export.workload import prepare_workload

WIDTH, OUT, ROWS = 64, 48, 300
PRODUCT = "MatMulIntegerToFloat"


def prepare(folder: Path, scratch: Path) -> Base:
    """Return a checkpoint's base, calibrated on some of the built-in texts."""
    checkpoint = load_checkpoint(folder)
    texts = prepare_workload(checkpoint, []).encodings[::4]
    source = export_graph(checkpoint, scratch, None)
    quantizer = Quantizer.prepare(checkpoint, source, scratch)
    return Base.prepare(quantizer, texts, checkpoint.pad_token_id)


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> tuple[Base, Graph]:
    """Return the base and the graph of a tiny BERT with biases, three encoder layers deep."""
    scratch = tmp_path_factory.mktemp("mixed")
    base = prepare(make_tiny("bert", scratch / "checkpoint"), scratch)
    return base, quantize_mixed(base)


def make_tiny(family: str, folder: Path) -> Path:
    (found,) = choose_families([family])
    return make_family(found, "sequence-classification", folder)


def nodes_of(path: Path) -> list[NodeProto]:
    return list(onnx.load(path).graph.node)


def test_all_layers_of_a_bert_but_those_behind_gelu_have_fixed_ranges(
    bert: tuple[Base, Graph],
) -> None:
    base, graph = bert
    behind_gelu = {name for name in base.layers if "/output/dense" in name}
    behind_gelu -= {name for name in base.layers if "/attention/" in name}
    assert steady_layers(base) == set(base.layers) - behind_gelu
    assert len(behind_gelu) == 3
    assert f"fixed ranges (15 layers, ranges of {len(base.feeds)} texts)" in graph.recipe
    assert "a token (3 layers) in 18 linear layers" in graph.recipe


def test_a_fixed_range_leaves_nothing_to_be_found_or_scaled_as_it_runs(
    bert: tuple[Base, Graph],
) -> None:
    base, graph = bert
    nodes = nodes_of(graph.path)
    counted = Counter(node.op_type for node in nodes)
    products = [node for node in nodes if node.op_type == PRODUCT]
    scaled = {name for node in nodes if node.op_type == "Mul" for name in node.input}
    rows = [node for node in products if node.output[0] in scaled]
    assert len(products) == len(base.layers)
    assert len(rows) == len(base.layers) - len(steady_layers(base)) == counted["ReduceMax"] == 3
    assert counted["Abs"] == 0
    constants = {item.name for item in onnx.load(graph.path).graph.initializer}
    for node in products:
        if node not in rows:
            assert {node.input[2], node.input[4]} <= constants


def test_products_with_a_fixed_range_add_their_biases(bert: tuple[Base, Graph]) -> None:
    base, graph = bert
    nodes = nodes_of(graph.path)
    biased = [node for node in nodes if node.op_type == PRODUCT and len(node.input) > 5]
    assert len(biased) == len(steady_layers(base))
    assert not [node for node in nodes if node.op_type == "BiasGelu"]
    assert not any(node.input[3] for node in nodes if node.op_type == "MultiHeadAttention")


def test_an_answer_is_the_same_to_the_last_bit_alone_and_in_company(
    bert: tuple[Base, Graph],
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


def test_smoothing_behind_attention_costs_nothing_as_it_runs(
    bert: tuple[Base, Graph], tmp_path: Path
) -> None:
    """The factors go into the layer that makes the values; no node is added."""
    base, _ = bert
    nodes = nodes_of(base.path)
    attention = {name for n in nodes if n.op_type == "MultiHeadAttention" for name in n.output}
    layers = [
        node.name for node in nodes if node.name in base.layers and node.input[0] in attention
    ]
    smooth(base.path, tmp_path / "smoothed.onnx", layers, base.feeds)
    made = onnx.load(tmp_path / "smoothed.onnx").graph
    assert [node.op_type for node in made.node] == [node.op_type for node in nodes]
    before = {item.name: item for item in onnx.load(base.path).graph.initializer}
    moved = [item.name for item in made.initializer if item != before[item.name]]
    # Of each of the three attentions: the values' weight, the bias, and the weight that reads it.
    assert len(moved) == 3 * len(layers) == 9


def build(path: Path, nodes: Sequence[NodeProto], shapes: dict[str, tuple[int, ...]]) -> Base:
    """Return the base of a graph that looks up `rows` of `table` first, and makes `out`."""
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
    return Base(Quantizer(path, "built", layers), path, feeds)


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
    base = build(tmp_path / "built.onnx", TWO_LAYERS, SHAPES | {"bias": (OUT,)})
    assert steady_layers(base) == {"behind a norm"}
    graph = quantize_mixed(base)
    made = Counter(node.op_type for node in nodes_of(graph.path))
    assert (made[PRODUCT], made["ReduceMax"], made["Add"]) == (2, 1, 0)
    ids = np.arange(40).reshape(2, 20)
    expected = run(base.path, ids)
    assert np.abs(run(graph.path, ids) - expected).max() < 0.05 * np.abs(expected).max()


def test_layers_that_share_a_weight_keep_a_scale_a_token(tmp_path: Path) -> None:
    shared = [
        *TWO_LAYERS[:3],
        helper.make_node("MatMul", ["rows", "second"], ["other"], "the same weight"),
        helper.make_node("Add", ["other", "product"], ["out"]),
    ]
    assert not steady_layers(build(tmp_path / "built.onnx", shared, SHAPES))


@pytest.mark.parametrize(("name", "steady"), [("bert", 15), ("albert", 1), ("mpnet", 12)])
def test_a_family_is_exported_however_few_of_its_layers_are_known(
    name: str, steady: int, tmp_path: Path
) -> None:
    folder = make_tiny(name, tmp_path / "checkpoint")
    base = prepare(folder, tmp_path)
    assert len(steady_layers(base)) == steady
    checkpoint = load_checkpoint(folder)
    measured = measure(checkpoint, quantize_mixed(base), prepare_workload(checkpoint, []))
    assert measured.batch_invariant
    assert measured.parity.agreement >= 0.8
    assert measured.parity.max_score_difference < 0.25


def test_without_labelled_texts_every_layer_has_a_scale_a_token(
    sentiment: Path, tmp_path: Path, quiet: Progress
) -> None:
    checkpoint = load_checkpoint(sentiment)
    limits = change_tolerances(["int8.agreement=0"])["int8"]
    gate = Gate(checkpoint, prepare_workload(checkpoint, []), limits, quiet)
    (tried,) = choice.try_int8(gate, export_graph(checkpoint, tmp_path, None), tmp_path)
    assert "activations a token in 12 linear layers" in tried.graph.recipe


def test_with_few_labelled_texts_every_layer_has_a_scale_a_token(
    sentiment: Path, texts: list[str], write_labelled: Callable[..., Path], quiet: Progress
) -> None:
    file = write_labelled([{"text": text, "label": "negative"} for text in texts[:40]])
    recipe = export_int8(sentiment, file, quiet).graphs["int8"].recipe
    assert "activations a token in 12 linear layers" in recipe


def test_without_texts_to_calibrate_on_it_is_refused(bert: tuple[Base, Graph]) -> None:
    base, _ = bert
    with pytest.raises(ValueError, match="no texts to calibrate on; give at least one"):
        quantize_mixed(Base(base.quantizer, base.path, ()))


@pytest.fixture
def many(texts: list[str], write_labelled: Callable[..., Path]) -> Path:
    """Return a labelled file with texts enough to hold some back for calibration."""
    return write_labelled(
        [
            {"text": f"{text} {texts[(i * 7) % len(texts)]}", "label": "negative"}
            for i, text in enumerate(texts * (PLENTY // len(texts) + 1))
        ]
    )


def export_int8(checkpoint: Path, file: Path, progress: Progress) -> Manifest:
    limits = change_tolerances(["int8.agreement=0.8", "int8.metric_loss=0.3"])
    request = Request(checkpoint, "m", file.parent / "store", ("int8",), limits, file)
    return open_bundle(export_bundle(request, progress)).manifest


def test_an_export_with_labelled_texts_tries_it_first(
    sentiment: Path, many: Path, quiet: Progress
) -> None:
    """What calibrated it is not what it is held against, yet its metrics are of every text."""
    manifest = export_int8(sentiment, many, quiet)
    assert "fixed ranges (10 layers, ranges of 64 texts)" in manifest.graphs["int8"].recipe
    assert manifest.evaluation is not None
    assert manifest.evaluation.inputs >= PLENTY
    assert manifest.graphs["int8"].parity.inputs >= manifest.evaluation.inputs
    assert "int8" in manifest.evaluation.graphs


def ruin(graph: Graph) -> Graph:
    """Let a graph give every text the other label."""
    model = onnx.load(graph.path)
    for item in model.graph.initializer:
        if item.name.startswith("classifier."):
            item.CopyFrom(numpy_helper.from_array(-numpy_helper.to_array(item), item.name))
    onnx.save(model, graph.path)
    return graph


def ruin_below(spared: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every mixed graph that gives up fewer ranges miss its gate."""
    quantize = Calibrated.quantize

    def quantize_badly(calibrated: Calibrated, given_up: int = 0) -> Graph:
        graph = quantize(calibrated, given_up)
        return graph if given_up >= spared else ruin(graph)

    monkeypatch.setattr(Calibrated, "quantize", quantize_badly)


def test_where_it_misses_its_gate_the_fewest_ranges_are_given_up(
    sentiment: Path, many: Path, quiet: Progress, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two encoder layers six activations have ranges; three of them are read by one layer."""
    ruin_below(3, monkeypatch)
    recipe = export_int8(sentiment, many, quiet).graphs["int8"].recipe
    found = re.search(r"fixed ranges \((\d+) layers.* a token \((\d+) layers\)", recipe)
    assert found is not None
    ranged, rows = map(int, found.groups())
    assert ranged + rows == 12
    assert 2 + 3 <= rows <= 2 + 3 * 3


def test_where_half_of_the_ranges_are_too_many_a_scale_a_token_is_next(
    sentiment: Path, many: Path, quiet: Progress, monkeypatch: pytest.MonkeyPatch
) -> None:
    ruin_below(4, monkeypatch)
    recipe = export_int8(sentiment, many, quiet).graphs["int8"].recipe
    assert "activations a token in 12 linear layers" in recipe


def test_the_range_that_costs_most_is_given_up_first(bert: tuple[Base, Graph]) -> None:
    base, whole = bert
    calibrated = Calibrated.prepare(base)
    losses = [reach.loss for reach in calibrated.reached.values()]
    assert losses == sorted(losses, reverse=True)
    first = next(iter(calibrated.reached))
    readers = [layer for layer, name in calibrated.reads.items() if name == first]
    graph = calibrated.quantize(spared=1)
    scaled = [Counter(n.op_type for n in nodes_of(one.path))["ReduceMax"] for one in (whole, graph)]
    assert scaled[1] == scaled[0] + 1
    assert f"fixed ranges ({15 - len(readers)} layers" in graph.recipe


def test_a_range_costs_more_the_further_a_few_tokens_reach() -> None:
    """Noise beyond that of a scale a token, as the two would round these very values."""
    random = np.random.default_rng(8)
    alike = random.uniform(-1, 1, (400, WIDTH)).astype(np.float32)
    apart = alike.copy()
    apart[:4] *= 20
    for values in (alike, apart):
        reach = Reach.of(values)
        scales = np.abs(values).max(axis=1, keepdims=True) * 2 / 255
        noises = [
            np.mean((np.round(values / step) * step - values) ** 2)
            for step in (np.float32(reach.range.step), scales)
        ]
        extra = (noises[0] - noises[1]) / np.mean(values**2)
        assert reach.loss == pytest.approx(extra, rel=0.1, abs=1e-6)
    assert Reach.of(apart).loss > 50 * Reach.of(alike).loss
    assert Reach.of(alike[:100]).join(Reach.of(alike[100:])).loss == pytest.approx(
        Reach.of(alike).loss
    )


def test_a_range_holds_every_channel_and_nothing_else_but_zero() -> None:
    one = Reach.of(np.array([[1.0, 9.0], [3.0, 2.0]], np.float32))
    other = Reach.of(np.array([[-3.0, 4.0], [0.0, 3.0]], np.float32))
    assert (one.range.least, one.range.greatest, one.range.zero_point) == (0.0, 9.0, 0)
    joined = one.join(other)
    assert (joined.range.least, joined.range.greatest) == (-3.0, 9.0)
    assert joined.range.zero_point * joined.range.step == pytest.approx(3.0, abs=0.03)
    assert joined.magnitude.tolist() == [3.0, 9.0]
