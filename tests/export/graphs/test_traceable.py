"""Settings of a checkpoint that keep it from being traced are set aside; its answers stay."""

import json
from pathlib import Path
from typing import Any

import pytest

from app.bundle.bundle import open_bundle
from export.checkpoint.load import load_checkpoint
from export.errors import CheckpointRefused, GateFailed
from export.graphs.convert import TESTED, Graph, export_graph, fuse_graph
from export.parity.measure import Measurement, measure
from export.parity.tolerances import TOLERANCES
from export.pipeline import Request, export_bundle
from export.progress import Progress
from export.reference.workload import prepare_workload
from tests.support.checkpoints import make_checkpoint
from tests.support.families import FAMILIES, Family
from tests.support.vocabularies import BERT, ROBERTA

GPT2 = Family(
    "gpt2",
    "GPT2TokenizerFast",
    ROBERTA,
    {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 96},
)


def edit(folder: Path, **changes: Any) -> None:
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def export(folder: Path) -> tuple[Graph, Measurement]:
    checkpoint = load_checkpoint(folder)
    workload = prepare_workload(checkpoint, [])
    source = export_graph(checkpoint, folder, None)
    graph = fuse_graph(checkpoint, source, folder / "fp32.onnx")
    return graph, measure(checkpoint, graph, workload)


@pytest.mark.parametrize(
    ("family", "changes"),
    [
        (GPT2, {"pad_token_id": None}),
        (Family("bert", "BertTokenizerFast", BERT), {"return_dict": False}),
        (Family("bert", "BertTokenizerFast", BERT), {"torchscript": True}),
        (Family("bert", "BertTokenizerFast", BERT, {"type_vocab_size": 1}), {}),
        (Family("electra", "ElectraTokenizerFast", BERT, {"type_vocab_size": 1}), {}),
        (Family("layoutlm", "LayoutLMTokenizerFast", BERT), {}),
    ],
)
def test_a_model_is_exported_with_the_inputs_of_a_text_and_agrees(
    family: Family, changes: dict[str, Any], tmp_path: Path
) -> None:
    folder = make_checkpoint(family, "sequence-classification", tmp_path / "checkpoint")
    edit(folder, **changes)
    graph, measured = export(folder)
    assert set(graph.inputs) <= {"input_ids", "attention_mask", "token_type_ids"}
    if family.settings.get("type_vocab_size") == 1:
        assert "token_type_ids" not in graph.inputs
    assert measured.parity.agreement == 1.0
    assert measured.parity.max_score_difference < 1e-4


def test_block_sparse_attention_is_refused_with_the_setting_that_helps(tmp_path: Path) -> None:
    sparse = {"attention_type": "block_sparse", "block_size": 4, "num_random_blocks": 1}
    family = Family("big_bird", "BertTokenizerFast", BERT, sparse)
    folder = make_checkpoint(family, "sequence-classification", tmp_path / "checkpoint")
    with pytest.raises(CheckpointRefused, match='set "attention_type": "original_full"'):
        export(folder)
    edit(folder, attention_type="original_full")
    assert export(folder)[1].parity.agreement == 1.0


def test_an_operator_that_an_opset_lacks_is_one_line_and_prints_no_graph(
    sentiment: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(CheckpointRefused, match=r"leave out --opset, or fine-tune"):
        export_graph(load_checkpoint(sentiment), tmp_path, 12)
    assert capfd.readouterr().out == ""


def test_a_family_without_a_converter_is_told_the_tested_ones(tmp_path: Path) -> None:
    family = Family("fnet", "BertTokenizerFast", BERT)
    folder = make_checkpoint(family, "sequence-classification", tmp_path / "fnet")
    with pytest.raises(
        CheckpointRefused, match="fine-tune an encoder of a tested family"
    ) as caught:
        export_graph(load_checkpoint(folder), tmp_path, None)
    assert "opset" not in str(caught.value)
    assert set(TESTED) == {one.name for one in FAMILIES}


@pytest.mark.parametrize(
    "family",
    [
        GPT2,
        Family("squeezebert", "SqueezeBertTokenizerFast", BERT, {"embedding_size": 64}),
    ],
    ids=lambda one: one.name,
)
def test_a_family_without_a_layer_for_int8_gets_no_graph_of_that_name(
    family: Family, quiet: Progress, tmp_path: Path
) -> None:
    folder = make_checkpoint(family, "sequence-classification", tmp_path / "checkpoint")
    request = Request(folder, "m", tmp_path / "store", ("fp32", "int8"), TOLERANCES)
    with pytest.raises(GateFailed, match=rf"int8 misses its gate \({family.name} has no linear"):
        export_bundle(request, quiet)
    assert list(open_bundle(tmp_path / "store" / "m" / "1").manifest.graphs) == ["fp32"]
