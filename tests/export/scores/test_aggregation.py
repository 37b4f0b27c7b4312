"""The default aggregation strategy is the one that reads a checkpoint's entities best."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.bundle import open_bundle
from app.engine.text.encoding import TextInput
from export.checkpoint.load import Checkpoint, load_checkpoint
from export.parity.tolerances import TOLERANCES
from export.pipeline import Request, export_bundle
from export.progress import Progress
from export.reference.examples import Example
from export.reference.workload import answer_inputs
from export.scores.aggregation import choose_strategy, measure_strategies
from offline.readers.examples import Span

TEXT = "xyz ba"  # no word of the vocabulary: three tokens, then one


@pytest.fixture(scope="module")
def checkpoint(ner: Path) -> Checkpoint:
    return load_checkpoint(ner)


def f1_by_strategy(checkpoint: Checkpoint, span: Span) -> dict[str, float]:
    """Tag x and z as a person each and nothing between them, and hold that against one span."""
    example = Example(TextInput(TEXT), spans=frozenset({span}))
    workload = answer_inputs(checkpoint, [example.source], [example])
    logits = np.zeros_like(workload.logits[0])
    for row, tag in enumerate(["O", "B-PER", "O", "B-PER", "O", "O"]):
        logits[row, checkpoint.config.labels.index(tag)] = 5.0
    workload = dataclasses.replace(workload, logits=(logits,))
    return {str(k): v for k, v in measure_strategies(checkpoint.config, workload).items()}


def test_a_checkpoint_whose_sub_words_are_entities_is_read_token_by_token(
    checkpoint: Checkpoint,
) -> None:
    measured = f1_by_strategy(checkpoint, Span(2, 3, "PER"))
    assert measured["simple"] > measured["first"] == 0.0
    assert choose_strategy(measured) == "simple"  # type: ignore[arg-type]


def test_first_stays_where_no_other_is_clearly_better(checkpoint: Checkpoint) -> None:
    assert choose_strategy(f1_by_strategy(checkpoint, Span(0, 3, "PER"))) == "first"  # type: ignore[arg-type]
    assert choose_strategy({"first": 0.8, "simple": 0.804}) == "first"
    assert choose_strategy({}) == "first"


def test_the_choice_is_in_the_manifest_with_what_was_measured_and_can_be_fixed(
    ner: Path, quiet: Progress, tmp_path: Path, write_labelled: Callable[..., Path]
) -> None:
    rows: list[dict[str, Any]] = [
        {"text": "ba be", "spans": [{"start": 0, "end": 2, "label": "PER"}]}
    ]
    request = Request(ner, "m", tmp_path, ("fp32",), TOLERANCES, write_labelled(rows))
    request = dataclasses.replace(request, aggregation="max")
    target = export_bundle(request, quiet)
    manifest = open_bundle(target).manifest
    assert manifest.defaults.aggregation_strategy == "max"
    assert manifest.evaluation is not None
    assert set(manifest.evaluation.strategies) == {"simple", "first", "average", "max"}
    assert "with the aggregation strategy `max`" in (target / "report.md").read_text()
