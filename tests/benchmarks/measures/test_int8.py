"""A bundle's graphs race beside ONNX Runtime's own int8, and labels are compared with fp32's."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from benchmarks.errors import BenchmarkError
from benchmarks.measures import int8
from benchmarks.measures.int8 import DYNAMIC, agreement, load_graphs, measure_bundle, race_graphs
from benchmarks.subjects.served_model import ServedModel

WORDS = ("[UNK]", "good", "bad", "film")
TEXTS = ("good film", "bad film", "good good bad", "film")


def graph() -> onnx.ModelProto:
    """Return a graph that sums embeddings of two features and multiplies them to two labels."""
    embeddings = np.array([[0, 0], [1, 0], [0, 1], [0.1, 0]], np.float32)
    nodes = [
        helper.make_node("Gather", ["embeddings", "input_ids"], ["gathered"]),
        helper.make_node("ReduceSum", ["gathered", "axis"], ["summed"], keepdims=0),
        helper.make_node("MatMul", ["summed", "weights"], ["logits"]),
    ]
    ids = helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["batch", "tokens"])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 2])
    constants = [
        numpy_helper.from_array(embeddings, "embeddings"),
        numpy_helper.from_array(np.array([1], np.int64), "axis"),
        numpy_helper.from_array(np.eye(2, dtype=np.float32), "weights"),
    ]
    made = helper.make_graph(nodes, "tiny", [ids], [logits], constants)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    folder = tmp_path / "tiny" / "1"
    folder.mkdir(parents=True)
    onnx.save(graph(), folder / "model.fp32.onnx")
    tokenizer = Tokenizer(WordLevel({word: i for i, word in enumerate(WORDS)}, "[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    manifest = {
        "graphs": {"fp32": {"file": "model.fp32.onnx", "recipe": "as it is"}},
        "tokenizer": {"file": "tokenizer.json"},
        "labels": ["negative", "positive"], "max_length": 16, "pad_token_id": 0,
        "problem_type": "single_label", "source": {"architecture": "Tiny", "parameters": 12},
    }  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def test_dynamic_int8_is_made_of_the_fp32_graph_and_all_graphs_take_turns(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns: list[str] = []
    races = load_graphs(ServedModel("tiny", bundle, "fp32"), tmp_path)
    assert [one.name for one in races] == ["fp32", DYNAMIC]
    names = {one.model.run: one.name for one in races}

    def pass_once(work: object, *_: object) -> float:
        turns.append(names[work])  # type: ignore[index]
        return 0.5

    monkeypatch.setattr(int8, "seconds_per_pass", pass_once)
    race_graphs(races, [races[0].model.encode(text) for text in TEXTS], rounds=2)
    assert turns == ["fp32", DYNAMIC, DYNAMIC, "fp32"]
    assert [one.rates for one in races] == [[8.0, 8.0]] * 2
    assert agreement(races[1], races[0], multi_label=False) == 1.0


def test_agreement_counts_labels_and_of_multi_label_models_decisions(
    bundle: Path, tmp_path: Path
) -> None:
    fp32, other = load_graphs(ServedModel("tiny", bundle, "fp32"), tmp_path)
    fp32.logits = [np.array([1.0, -1.0]), np.array([2.0, 1.0])]
    other.logits = [np.array([1.0, -1.0]), np.array([-1.0, 3.0])]
    assert agreement(other, fp32, multi_label=False) == 0.5
    assert agreement(other, fp32, multi_label=True) == 0.75


def test_the_section_names_every_graph(bundle: Path, tmp_path: Path) -> None:
    section = measure_bundle(bundle, TEXTS, 1, tmp_path)
    assert "## tiny\n\nTiny, 12 parameters; 4 texts, mean 2 tokens, most 3." in section
    assert "| fp32 | 0.0 |" in section
    assert f"| {DYNAMIC} |" in section
    assert section.endswith("- fp32: as it is.")


def test_a_bundle_without_fp32_is_refused(bundle: Path, tmp_path: Path) -> None:
    path = bundle / "manifest.json"
    path.write_text(path.read_text().replace('"fp32"', '"int8"'))
    with pytest.raises(BenchmarkError, match="has no fp32 graph; export with --precision fp32"):
        load_graphs(ServedModel("tiny", bundle, "fp32"), tmp_path)
