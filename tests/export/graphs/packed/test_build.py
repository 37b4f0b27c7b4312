"""Packed graphs: the checkpoint's own answers, in batches of any texts and any size."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator

from app.bundle.base import Task
from app.engine.answers.decoding import label_scores
from app.engine.backends.packing import Extent, measure, pack
from app.engine.text.encoding import Logits, TextInput
from export.checkpoint.load import Checkpoint
from export.errors import PackingRefused
from export.graphs.packed import build, operators
from export.graphs.packed.build import build_packed
from export.graphs.packed.encoder import read_encoder, unsupported_reason
from export.graphs.packed.families import LAYOUTS
from export.graphs.packed.reference import ReferenceSession
from export.reference.workload import Workload, answer_inputs, prepare_workload
from tests.support.families import FAMILIES
from tests.support.packed import TASKS, load, open_graph, widen

CASES = [(name, task) for name in LAYOUTS for task in TASKS]
PAIR = TextInput("The battery lasts all day.", "It is a good telephone.")
# What fp16 and these wide random weights leave; the padded fp16 graphs differ as much.
ROUNDING = 0.02


def session(model: onnx.ModelProto) -> ReferenceSession:
    return ReferenceSession(model.SerializeToString())


def difference(expected: list[Logits] | tuple[Logits, ...], actual: list[Logits]) -> float:
    """Return the greatest difference of any figure; the shapes must be the same."""
    assert [one.shape for one in expected] == [one.shape for one in actual]
    return max(float(np.abs(a - b).max()) for a, b in zip(expected, actual, strict=True))


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    return load("bert", "sequence-classification", tmp_path_factory.mktemp("bert"))


@pytest.fixture(scope="module")
def workload(bert: Checkpoint) -> Workload:
    return prepare_workload(bert, [])


@pytest.fixture(scope="module")
def graph(bert: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> onnx.ModelProto:
    return open_graph(bert, tmp_path_factory.mktemp("graph"))


@pytest.mark.parametrize(("name", "task"), CASES)
def test_every_family_answers_as_its_checkpoint_alone_and_in_company(
    name: str, task: Task, tmp_path: Path
) -> None:
    checkpoint = load(name, task, tmp_path)
    workload = answer_inputs(
        checkpoint, [*prepare_workload(checkpoint, []).inputs, PAIR, *[PAIR] * 2], []
    )
    model = open_graph(checkpoint, tmp_path)
    exact = session(widen(model))
    assert difference(workload.logits, exact.run(workload.encodings)) < 1e-4
    alone = [exact.run([one])[0] for one in workload.encodings]
    assert difference(workload.logits, alone) < 1e-4
    rounded = session(model).run(workload.encodings)
    assert {one.dtype for one in rounded} == {np.dtype(np.float32)}
    problem = checkpoint.config.problem_type
    scores = [[label_scores(x, problem) for x in side] for side in (workload.logits, rounded)]
    assert difference(*scores) < ROUNDING
    pairs = zip(workload.logits, rounded, strict=True)
    equal = np.concatenate([np.ravel(a.argmax(-1) == b.argmax(-1)) for a, b in pairs])
    assert equal.mean() > 0.97


@pytest.mark.parametrize(("name", "task"), [("bert", TASKS[0]), ("roberta", TASKS[1])])
def test_company_and_room_to_spare_change_no_bit(name: str, task: Task, tmp_path: Path) -> None:
    checkpoint = load(name, task, tmp_path)
    encodings = prepare_workload(checkpoint, []).encodings[::3]
    packed = session(open_graph(checkpoint, tmp_path))
    alone = [packed.run([one])[0] for one in encodings]
    least = measure(encodings)
    for extent in (
        None,
        Extent(least.tokens, least.sequences + 5, least.longest),
        Extent(least.tokens + 70, least.sequences + 9, least.longest + 3),
    ):
        assert difference(alone, packed.run(encodings, extent)) == 0.0


def test_a_graph_reads_token_types_only_where_there_are_two(tmp_path: Path) -> None:
    inputs = {
        name: build_packed(load(name, TASKS[0], tmp_path / name), tmp_path / f"{name}.onnx").inputs
        for name in ("bert", "roberta", "distilbert")
    }
    assert inputs["bert"] == tuple(build.SHAPES)
    assert inputs["roberta"] == inputs["distilbert"]
    assert inputs["roberta"] == tuple(n for n in build.SHAPES if n != "token_type_ids")


def test_positions_begin_with_the_row_of_the_first_token(tmp_path: Path) -> None:
    """RoBERTa's first token has the position after the padding id, and its one type is in it."""
    checkpoint = load("roberta", TASKS[0], tmp_path)
    tables = checkpoint.model.base_model.embeddings
    assert tables.padding_idx == 1
    rows = tables.position_embeddings.weight[2:] + tables.token_type_embeddings.weight
    read = read_encoder(checkpoint).embeddings
    np.testing.assert_array_equal(read.positions, rows.detach().numpy())
    assert read.types is None


def test_queries_keys_and_values_are_where_the_operator_looks_for_them(bert: Checkpoint) -> None:
    own = bert.model.base_model.encoder.layer[1].attention.self
    qkv = read_encoder(bert).layers[1].qkv
    parts = qkv.weight.reshape(64, 4, 3, 16)
    for index, part in enumerate((own.query, own.key, own.value)):
        theirs = part.weight.detach().numpy().reshape(4, 16, 64)
        np.testing.assert_array_equal(parts[:, :, index].transpose(1, 2, 0), theirs)
        np.testing.assert_array_equal(qkv.bias.reshape(3, 64)[index], part.bias.detach().numpy())


def test_layers_in_several_groups_take_turns_as_in_the_checkpoint(tmp_path: Path) -> None:
    settings = {"num_hidden_groups": 2, "inner_group_num": 2, "num_hidden_layers": 4}
    checkpoint = load("albert", TASKS[1], tmp_path, **settings)
    exact = session(widen(open_graph(checkpoint, tmp_path)))
    workload = prepare_workload(checkpoint, [])
    assert difference(workload.logits, exact.run(workload.encodings)) < 1e-4


@pytest.mark.parametrize(
    ("name", "settings", "operator"),
    [
        ("bert", {"hidden_act": "gelu_pytorch_tanh"}, "FastGelu"),
        ("albert", {"hidden_act": "gelu"}, "BiasGelu"),
        ("electra", {"embedding_size": 64}, "BiasGelu"),
        ("roberta", {"type_vocab_size": 2}, "BiasGelu"),
    ],
)
def test_settings_of_a_family_are_followed(
    name: str, settings: dict[str, Any], operator: str, tmp_path: Path
) -> None:
    checkpoint = load(name, TASKS[0], tmp_path, **settings)
    model = open_graph(checkpoint, tmp_path)
    assert sum(node.op_type == operator for node in model.graph.node) >= 3
    workload = prepare_workload(checkpoint, [])
    assert difference(workload.logits, session(widen(model)).run(workload.encodings)) < 1e-4


@pytest.mark.parametrize(
    ("name", "settings", "reason"),
    [
        ("bert", {"hidden_act": "relu"}, "the activation 'relu', only with gelu, gelu_new, gelu_"),
        ("distilbert", {"activation": "relu"}, "the activation 'relu'"),
        ("bert", {"position_embedding_type": "relative_key"}, "relative_key positions, only with"),
        ("bert", {"is_decoder": True}, "no packed graph of a decoder"),
        ("bert", {"pruned_heads": {0: [1]}}, "pruned heads, only of layers of one width"),
        ("mpnet", {}, "no packed graph for mpnet, only for albert, bert, camembert"),
    ],
)
@pytest.mark.filterwarnings("ignore:.torch.jit.script.*. is deprecated:DeprecationWarning")
def test_what_cannot_be_packed_is_named_and_nothing_is_written(
    name: str, settings: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    checkpoint = load(name, TASKS[0], tmp_path)
    checkpoint.model.config.update(settings)
    assert reason in (unsupported_reason(checkpoint) or "")
    with pytest.raises(PackingRefused, match=reason.split(",")[0]):
        build_packed(checkpoint, tmp_path / "packed.onnx")
    assert not (tmp_path / "packed.onnx").exists()


def test_every_family_either_has_a_layout_or_a_reason() -> None:
    assert set(LAYOUTS) == {one.name for one in FAMILIES} - {"mpnet", "deberta-v2", "modernbert"}


def test_a_weight_beyond_fp16_is_refused_with_its_name(tmp_path: Path) -> None:
    checkpoint = load("bert", TASKS[0], tmp_path)
    with torch.no_grad():
        checkpoint.model.base_model.encoder.layer[1].output.dense.weight[3, 4] = -70_000.0
    with pytest.raises(PackingRefused, match=r"layer.1.outer.weight holds .* 70000 .* 65504; "):
        build_packed(checkpoint, tmp_path / "packed.onnx")


def swap_query_and_value(feeds: dict[str, Any], model: onnx.ModelProto) -> None:
    for one in model.graph.initializer:
        if one.name == "layer.0.qkv.weight":
            values = numpy_helper.to_array(one).reshape(64, 4, 3, 16)[:, :, ::-1]
            one.CopyFrom(numpy_helper.from_array(values.reshape(64, 192), one.name))


def let_positions_run_on(feeds: dict[str, Any], model: onnx.ModelProto) -> None:
    feeds["position_ids"] = np.arange(feeds["position_ids"].size, dtype=np.int32)[None] % 90


def join_all_texts(feeds: dict[str, Any], model: onnx.ModelProto) -> None:
    feeds["cumulative_lengths"] = np.minimum(feeds["cumulative_lengths"], 0)


@pytest.mark.parametrize("change", [swap_query_and_value, let_positions_run_on, join_all_texts])
def test_the_comparison_notices(
    change: Callable[[dict[str, Any], onnx.ModelProto], None],
    graph: onnx.ModelProto,
    workload: Workload,
) -> None:
    """Weights in another order, positions that do not begin anew, rows that no text owns."""
    model = widen(graph)
    feeds = pack(workload.encodings, [item.name for item in model.graph.input])
    change(feeds, model)
    evaluator = ReferenceEvaluator(model, new_ops=list(operators.OPERATORS))
    (logits,) = evaluator.run(None, feeds)
    assert not np.abs(logits - np.stack(workload.logits)).max() < 0.05


def test_sizes_that_do_not_fit_together_are_refused(
    graph: onnx.ModelProto, workload: Workload
) -> None:
    names = [item.name for item in graph.graph.input]
    evaluator = ReferenceEvaluator(graph, new_ops=list(operators.OPERATORS))
    feeds = pack(workload.encodings, names)
    with pytest.raises(ValueError, match=r"token_offset is .* lay the tokens out"):
        evaluator.run(None, feeds | {"token_offset": feeds["token_offset"][:-1]})
    with pytest.raises(ValueError, match=r"are the most; lay the tokens out"):
        evaluator.run(None, feeds | {"cumulative_lengths": feeds["cumulative_lengths"] + 1})
