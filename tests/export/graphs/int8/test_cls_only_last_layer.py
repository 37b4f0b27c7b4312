"""The last layer for the first token alone: the same answers, only if the head reads no other."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import NodeProto, TensorProto, helper, numpy_helper

from app.bundle.base import Task
from export.checkpoint.load import load_checkpoint
from export.graphs.convert import Graph, export_graph, fuse_for_int8
from export.graphs.int8.cls_only_last_layer import keep_cls_token_only
from export.graphs.int8.hybrid import HybridQuantizer, QuantizationInput, static_layers
from export.graphs.int8.quantize import Quantizer, quantize_per_token
from export.reference.workload import prepare_workload
from tests.support.checkpoints import make_checkpoint
from tests.support.families import choose_families

LENGTHS = (12, 3, 9, 12, 2, 7)


def fuse(family: str, folder: Path, task: Task = "sequence-classification") -> Path:
    """Return the graph of a tiny checkpoint as it is before the rewrite, with every token."""
    (found,) = choose_families([family])
    checkpoint = load_checkpoint(make_checkpoint(found, task, folder / "checkpoint"))
    fuse_for_int8(checkpoint, export_graph(checkpoint, folder, None), folder / "whole.onnx")
    return folder / "whole.onnx"


def rewrite(whole: Path) -> Path:
    target = whole.with_name("alone.onnx")
    shutil.copyfile(whole, target)
    assert keep_cls_token_only(target)
    return target


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fuse("bert", tmp_path_factory.mktemp("bert"))


class Run:
    """A graph as a session."""

    def __init__(self, path: Path, *more: str) -> None:
        """Let the graph give more of its values than its own outputs."""
        model = onnx.load(path)
        model.graph.output.extend(
            helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in more
        )
        self._session = ort.InferenceSession(
            model.SerializeToString(), providers=["CPUExecutionProvider"]
        )
        self._inputs = [item.name for item in model.graph.input]

    def together(self) -> list[np.ndarray]:
        """Return what it gives for texts of several lengths, padded to the longest."""
        return self._run(self._ids(), self._mask())

    def alone(self, row: int) -> np.ndarray:
        ids, mask = self._ids()[row : row + 1], self._mask()[row : row + 1]
        logits: np.ndarray = self._run(ids[:, : LENGTHS[row]], mask[:, : LENGTHS[row]])[0][0]
        return logits

    def _run(self, ids: np.ndarray, mask: np.ndarray) -> list[np.ndarray]:
        feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        return list(self._session.run(None, {name: feed[name] for name in self._inputs}))

    @staticmethod
    def _mask() -> np.ndarray:
        return (np.arange(max(LENGTHS)) < np.array(LENGTHS)[:, None]).astype(np.int64)

    def _ids(self) -> np.ndarray:
        ids = np.random.default_rng(5).integers(5, 60, (len(LENGTHS), max(LENGTHS)))
        return np.where(self._mask() == 1, ids, 1)


@pytest.mark.parametrize(
    "family", ["bert", "distilbert", "roberta", "xlm-roberta", "camembert", "electra"]
)
def test_every_text_has_the_logits_it_had(family: str, tmp_path: Path) -> None:
    whole = fuse(family, tmp_path)
    before, after = Run(whole), Run(rewrite(whole))
    expected = before.together()[0]
    np.testing.assert_allclose(after.together()[0], expected, rtol=0, atol=1e-5)
    for row in range(len(LENGTHS)):
        np.testing.assert_allclose(after.alone(row), before.alone(row), rtol=0, atol=1e-5)


def test_the_last_layer_reads_the_first_token_but_has_keys_and_values_of_every_token(
    bert: Path,
) -> None:
    path = rewrite(bert)
    layers = [node for node in onnx.load(path).graph.node if node.op_type == "MatMul"]
    assert [layer.name.split("/layer.")[1] for layer in layers[-6:]] == [
        "2/attention/self/query/MatMul",
        "2/attention/self/key/MatMul",
        "2/attention/self/value/MatMul",
        "2/attention/output/dense/MatMul",
        "2/intermediate/dense/MatMul",
        "2/output/dense/MatMul",
    ]
    _, *made = Run(path, *(layer.output[0] for layer in layers)).together()
    assert [values.shape[1] for values in made] == [12] * 12 + [2, 12, 12, 2, 2, 2]


def test_the_recipe_says_so_and_every_linear_layer_is_still_quantized(tmp_path: Path) -> None:
    """Of one layer, too: there the shapes of what goes into it are known."""
    (family,) = choose_families(["bert"])
    small = type(family)(family.name, family.tokenizer, family.vocabulary, {"num_hidden_layers": 1})
    folder = make_checkpoint(small, "sequence-classification", tmp_path / "checkpoint")
    checkpoint = load_checkpoint(folder)
    source = export_graph(checkpoint, tmp_path, None)
    graph = Quantizer.prepare(checkpoint, source, tmp_path).quantize()
    assert "the last layer for the first token alone" in graph.recipe
    assert "activations a token in 6 linear layers" in graph.recipe
    kinds = [node.op_type for node in onnx.load(graph.path).graph.node]
    assert (kinds.count("MatMulIntegerToFloat"), kinds.count("MatMul")) == (6, 0)


def assert_unchanged(path: Path) -> None:
    before = path.read_bytes()
    assert not keep_cls_token_only(path)
    assert path.read_bytes() == before


def test_a_token_classifier_stays_as_it_was(tmp_path: Path) -> None:
    assert_unchanged(fuse("bert", tmp_path, "token-classification"))


@pytest.mark.filterwarnings("ignore:.torch.jit.script.*. is deprecated:DeprecationWarning")
@pytest.mark.parametrize("family", ["albert", "mpnet", "deberta-v2", "modernbert"])
def test_a_family_whose_attention_is_not_fused_stays_as_it_was(family: str, tmp_path: Path) -> None:
    assert_unchanged(fuse(family, tmp_path))


def find(graph: onnx.GraphProto, kind: str) -> NodeProto:
    """Return the last node of this kind."""
    return [node for node in graph.node if node.op_type == kind][-1]


def hidden_state(graph: onnx.GraphProto) -> str:
    name: str = find(graph, "Gather").input[0]
    return name


def add_constant(graph: onnx.GraphProto, name: str, value: object, kind: type) -> None:
    graph.initializer.append(numpy_helper.from_array(np.array(value, kind), name))


def give_the_hidden_state(graph: onnx.GraphProto) -> None:
    name = hidden_state(graph)
    graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))


def read_what_attention_makes(graph: onnx.GraphProto) -> None:
    name = find(graph, "MultiHeadAttention").output[0]
    graph.node.append(helper.make_node("ReduceMax", [name], ["greatest"], keepdims=0))
    graph.output.append(helper.make_tensor_value_info("greatest", TensorProto.FLOAT, None))


def read_the_second_token(graph: onnx.GraphProto) -> None:
    add_constant(graph, "second", 1, np.int64)
    find(graph, "Gather").input[1] = "second"


def classify_the_mean(graph: onnx.GraphProto) -> None:
    gather = find(graph, "Gather")
    gather.CopyFrom(
        helper.make_node("ReduceMean", gather.input[:1], gather.output, axes=[1], keepdims=0)
    )


def add_a_relative_position_bias(graph: onnx.GraphProto) -> None:
    add_constant(graph, "near", np.zeros((1, 4, 12, 12)), np.float32)
    find(graph, "MultiHeadAttention").input.append("near")


def hide_later_tokens(graph: onnx.GraphProto) -> None:
    attention = find(graph, "MultiHeadAttention")
    attention.attribute.append(helper.make_attribute("unidirectional", 1))


def mix_tokens_in_the_feed_forward_layers(graph: onnx.GraphProto) -> None:
    gelu = find(graph, "BiasGelu")
    gelu.CopyFrom(helper.make_node("Softmax", gelu.input[:1], gelu.output, axis=1))


def add_to_each_token_its_own(graph: onnx.GraphProto) -> None:
    add_constant(graph, "own", np.ones((1, 12, 128)), np.float32)
    gelu = find(graph, "BiasGelu")
    gelu.CopyFrom(helper.make_node("Add", [gelu.input[0], "own"], gelu.output))


def mask_by_query(graph: onnx.GraphProto) -> None:
    attention = find(graph, "MultiHeadAttention")
    add_constant(graph, "pairs", np.ones((6, 12, 12)), np.int32)
    graph.value_info.append(helper.make_tensor_value_info("pairs", TensorProto.INT32, (6, 12, 12)))
    attention.input[4] = "pairs"


@pytest.mark.parametrize(
    "change",
    [
        give_the_hidden_state,
        read_what_attention_makes,
        read_the_second_token,
        classify_the_mean,
        add_a_relative_position_bias,
        hide_later_tokens,
        mix_tokens_in_the_feed_forward_layers,
        add_to_each_token_its_own,
        mask_by_query,
    ],
)
def test_a_graph_that_needs_more_than_the_first_token_stays_as_it_was(
    change: Callable[[onnx.GraphProto], None], bert: Path, tmp_path: Path
) -> None:
    model = onnx.load(bert)
    change(model.graph)
    onnx.save(model, tmp_path / "changed.onnx")
    assert_unchanged(tmp_path / "changed.onnx")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> QuantizationInput:
    scratch = tmp_path_factory.mktemp("source")
    (family,) = choose_families(["bert"])
    folder = make_checkpoint(family, "sequence-classification", scratch / "checkpoint")
    checkpoint = load_checkpoint(folder)
    source = export_graph(checkpoint, scratch, None)
    quantizer = Quantizer.prepare(checkpoint, source, scratch)
    texts = prepare_workload(checkpoint, []).encodings[::4]
    return QuantizationInput.prepare(quantizer, texts, checkpoint.pad_token_id)


def quantize_hybrid(source: QuantizationInput) -> Graph:
    return HybridQuantizer.prepare(source).quantize()


def keep_the_last_layer(source: QuantizationInput) -> Graph:
    """Return the graph whose last encoder layer, but for the query, is in fp32."""
    last = [name for name in source.layers if "/layer.2/" in name and "query" not in name]
    return source.quantizer.quantize(last)


@pytest.mark.parametrize(
    "make",
    [quantize_hybrid, lambda source: source.quantizer.quantize(), keep_the_last_layer],
    ids=["hybrid", "per token", "with layers in fp32"],
)
def test_int8_answers_are_the_same_to_the_last_bit_alone_and_padded_in_company(
    make: Callable[[QuantizationInput], Graph], source: QuantizationInput
) -> None:
    run = Run(make(source).path)
    (together,) = run.together()
    for row in range(len(LENGTHS)):
        np.testing.assert_array_equal(run.alone(row), together[row])


def test_one_scale_a_token_gives_the_bits_it_gave_with_every_token(
    bert: Path, tmp_path: Path
) -> None:
    quantize_per_token(bert, tmp_path / "whole.onnx")
    quantize_per_token(rewrite(bert), tmp_path / "alone.onnx")
    (expected,) = Run(tmp_path / "whole.onnx").together()
    np.testing.assert_array_equal(Run(tmp_path / "alone.onnx").together()[0], expected)


def test_the_query_shares_the_range_of_keys_and_values(source: QuantizationInput) -> None:
    """What is quantized once for all tokens is gathered, not quantized again."""
    (query,) = (name for name in source.layers if "layer.2/attention/self/query" in name)
    assert query in static_layers(source)
    nodes = onnx.load(HybridQuantizer.prepare(source).quantize().path).graph.node
    makers = {name: node for node in nodes for name in node.output}
    layers = [makers[name] for name in find_attention(nodes).input[:3]]
    assert [layer.op_type for layer in layers] == ["MatMulIntegerToFloat"] * 3
    values, whole, _ = (makers[layer.input[0]] for layer in layers)
    assert (values.op_type, whole.op_type) == ("Gather", "QuantizeLinear")
    assert values.input[0] == whole.output[0]
    assert len({(layer.input[2], layer.input[4]) for layer in layers}) == 1


def find_attention(nodes: list[NodeProto]) -> NodeProto:
    return [node for node in nodes if node.op_type == "MultiHeadAttention"][-1]
