"""The reference is what the checkpoint says of a text alone, whatever it would say of a batch."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from app.bundle.base import Task
from export.checkpoint.load import load_checkpoint
from export.errors import CheckpointRefused
from export.graphs.convert import export_graph, fuse_graph
from export.parity.candidate import Candidate
from export.parity.measure import measure
from export.parity.tolerances import TOLERANCES
from export.reference.forward import run_checkpoint
from export.reference.workload import prepare_workload
from tests.support.checkpoints import make_checkpoint
from tests.support.families import Family
from tests.support.vocabularies import BERT

CONVOLUTIONS = {"embedding_size": 64}
BOTTLENECKS = {"embedding_size": 32, "intra_bottleneck_size": 32, "hidden_size": 64}


def edit(folder: Path, name: str, **changes: Any) -> None:
    file = folder / name
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


@pytest.mark.parametrize(
    ("name", "settings", "task"),
    [
        ("bert", {}, "sequence-classification"),
        ("convbert", CONVOLUTIONS, "token-classification"),
        ("mobilebert", BOTTLENECKS, "token-classification"),
    ],
)
def test_a_model_that_reads_padding_is_compared_without_any(
    name: str, settings: Mapping[str, Any], task: Task, tmp_path: Path
) -> None:
    folder = make_checkpoint(
        Family(name, "BertTokenizerFast", BERT, settings), task, tmp_path / "checkpoint"
    )
    edit(folder, "tokenizer_config.json", padding_side="left")
    checkpoint = load_checkpoint(folder)
    workload = prepare_workload(checkpoint, [])
    source = export_graph(checkpoint, tmp_path, None)
    graph = fuse_graph(checkpoint, source, tmp_path / "fp32.onnx")
    measured = measure(checkpoint, graph, workload)
    assert Candidate(graph, measured, TOLERANCES["fp32"]).problems == []


def test_a_model_that_answers_a_tuple_is_read_like_any_other(sentiment: Path) -> None:
    checkpoint = load_checkpoint(sentiment)
    ids = [{"input_ids": [2, 5, 6, 3]}, {"input_ids": [2, 7, 3]}]
    named = run_checkpoint(checkpoint, ids)
    checkpoint.model.config.return_dict = False
    assert isinstance(checkpoint.model(torch.tensor([[2, 5, 3]])), tuple)
    assert [row.shape for row in named] == [(2,), (2,)]
    np.testing.assert_array_equal(run_checkpoint(checkpoint, ids), named)


def test_a_model_that_fails_on_a_text_is_refused_with_its_own_reason(
    sentiment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = load_checkpoint(sentiment)

    def fail(*_: Any, **__: Any) -> None:
        raise ValueError("bbox is missing\nand more")

    monkeypatch.setattr(checkpoint.model, "forward", fail)
    with pytest.raises(CheckpointRefused, match=r"fails on a text \(ValueError: bbox is missing\)"):
        run_checkpoint(checkpoint, [{"input_ids": [2, 3]}])
