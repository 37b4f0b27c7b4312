"""The default aggregation strategy is the one that reads a checkpoint's entities best."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tokenizers as library

from app.bundle.bundle import open_bundle
from app.engine.text.encoding import TextInput
from export.checkpoint.load import Checkpoint, load_checkpoint
from export.parity.tolerances import TOLERANCES
from export.pipeline import Request, export_bundle
from export.progress import Progress
from export.reference.examples import Example
from export.reference.workload import answer_inputs
from export.scores.aggregation import choose_strategy, measure_strategies, usual_strategy
from offline.readers.examples import Span
from tests.support.tokenizers import byte_level_checkpoint, unigram_checkpoint

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
    assert choose_strategy(measured, "first") == "simple"  # type: ignore[arg-type]


def test_first_stays_where_no_other_is_clearly_better(checkpoint: Checkpoint) -> None:
    measured = f1_by_strategy(checkpoint, Span(0, 3, "PER"))
    assert choose_strategy(measured, "first") == "first"  # type: ignore[arg-type]
    assert choose_strategy({"first": 0.8, "simple": 0.804}, "first") == "first"
    assert choose_strategy({"first": 0.804, "simple": 0.8}, "simple") == "simple"
    assert choose_strategy({}, "first") == "first"
    assert choose_strategy({}, "simple") == "simple"


def without_chinese_characters(tokenizer: library.Tokenizer) -> None:
    tokenizer.normalizer = library.normalizers.BertNormalizer(handle_chinese_chars=False)


def cut_at_blanks(tokenizer: library.Tokenizer) -> None:
    tokenizer.pre_tokenizer = library.pre_tokenizers.WhitespaceSplit()


def without_prefix(tokenizer: library.Tokenizer) -> None:
    vocabulary = tokenizer.get_vocab()
    tokenizer.model = library.models.WordLevel(vocabulary, unk_token="[UNK]")


@pytest.mark.parametrize(
    ("change", "usual"),
    [
        (lambda tokenizer: None, "first"),
        (without_chinese_characters, "simple"),
        (cut_at_blanks, "simple"),
        (without_prefix, "simple"),
    ],
)
def test_without_labels_first_is_for_tokenizers_that_tell_where_words_begin(
    ner: Path, change: Callable[[library.Tokenizer], None], usual: str
) -> None:
    checkpoint = load_checkpoint(ner)
    backend = checkpoint.tokenizer.backend_tokenizer
    vocabulary = backend.get_vocab() | {"王": 901, "在": 902, "##在": 903, "##.": 904}
    backend.model = library.models.WordPiece(vocabulary, unk_token="[UNK]")
    change(backend)
    assert usual_strategy(checkpoint) == usual


@pytest.mark.parametrize("make", [byte_level_checkpoint, unigram_checkpoint])
def test_tokenizers_that_know_no_sub_words_are_read_token_by_token_and_the_report_says_so(
    make: Callable[[Path], Path], tmp_path: Path, quiet: Progress
) -> None:
    folder = make(tmp_path / "checkpoint")
    target = export_bundle(Request(folder, "m", tmp_path, ("fp32",), TOLERANCES), quiet)
    assert open_bundle(target).manifest.defaults.aggregation_strategy == "simple"
    assert "the aggregation strategy `simple`" in (target / "report.md").read_text()


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
