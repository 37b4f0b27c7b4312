"""Measurements of graphs whose faults are known."""

import dataclasses
from pathlib import Path

import onnx
import pytest
from onnx import numpy_helper
from onnxruntime.quantization import quantize_dynamic

from export.checkpoint.load import Checkpoint, load_checkpoint
from export.errors import GateFailed
from export.graphs.convert import Graph, export_graph, fuse_graph
from export.parity.candidate import Candidate
from export.parity.measure import measure
from export.parity.tolerances import TOLERANCES
from export.reference.examples import Example
from export.reference.workload import Workload, prepare_workload


@pytest.fixture(scope="module")
def checkpoint(sentiment: Path) -> Checkpoint:
    return load_checkpoint(sentiment)


@pytest.fixture(scope="module")
def workload(checkpoint: Checkpoint) -> Workload:
    return prepare_workload(checkpoint, [])


@pytest.fixture(scope="module")
def fused(checkpoint: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> Graph:
    folder = tmp_path_factory.mktemp("graphs")
    source = export_graph(checkpoint, folder, None)
    return fuse_graph(checkpoint, source, folder / "fused.onnx")


def test_a_graph_that_depends_on_its_batch_is_not_called_invariant(
    checkpoint: Checkpoint, workload: Workload, fused: Graph, tmp_path: Path
) -> None:
    target = tmp_path / "dynamic.onnx"
    # One scale for the activations of a whole batch: the neighbours change the answer.
    quantize_dynamic(fused.path, target, extra_options={"DefaultTensorType": 1})
    dynamic = dataclasses.replace(fused, path=target, precision="int8")
    measured = measure(checkpoint, dynamic, workload)
    assert not measured.batch_invariant
    assert measured.parity.batch_max_score_difference > 1e-4


def test_the_fused_graph_agrees_and_is_invariant(
    checkpoint: Checkpoint, workload: Workload, fused: Graph
) -> None:
    measured = measure(checkpoint, fused, workload)
    assert measured.batch_invariant
    assert measured.parity.inputs == len(workload.inputs)
    assert Candidate(fused, measured, TOLERANCES["fp32"]).problems == []


def test_a_damaged_weight_fails_the_gate_with_its_figures(
    checkpoint: Checkpoint, workload: Workload, fused: Graph, tmp_path: Path
) -> None:
    model = onnx.load(fused.path)
    bias = next(item for item in model.graph.initializer if item.name == "classifier.bias")
    moved = numpy_helper.to_array(bias) + [9.0, 0.0]
    bias.CopyFrom(numpy_helper.from_array(moved.astype("float32"), bias.name))
    onnx.save(model, tmp_path / "damaged.onnx")
    damaged = dataclasses.replace(fused, path=tmp_path / "damaged.onnx")
    measured = measure(checkpoint, damaged, workload)
    problems = Candidate(damaged, measured, TOLERANCES["fp32"]).problems
    assert problems[0].startswith("agreement 0.")
    assert problems[0].endswith("where >= 1 is needed")


def test_a_tokenizer_that_reads_other_tokens_is_noticed(
    checkpoint: Checkpoint, make_checkpoint: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    lower = checkpoint.tokenizer_json
    wrong = lower.replace(b'"lowercase":true', b'"lowercase":false')
    assert wrong != lower
    monkeypatch.setattr(Checkpoint, "tokenizer_json", wrong)
    with pytest.raises(GateFailed, match="as different tokens"):
        prepare_workload(checkpoint, [])


def test_long_texts_up_to_the_limit_are_compared(checkpoint: Checkpoint, texts: list[str]) -> None:
    from app.engine.text.tokenization import TextInput

    labelled = [Example(TextInput(text), frozenset({"positive"})) for text in texts[:5]]
    made = prepare_workload(checkpoint, labelled)
    assert max(one.tokens for one in made.encodings) == checkpoint.max_length
    assert len(made.inputs) > len(made.examples) == 5
