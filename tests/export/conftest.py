"""Tiny checkpoints made on the spot: real BERT architectures, random weights, no download."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertForTokenClassification,
    BertTokenizerFast,
    PreTrainedModel,
)

from export.parity.tolerances import change_tolerances
from export.pipeline import Request, export_bundle
from export.progress import Progress

WORDS = [f"{first}{second}" for first in "bcdfghklmn" for second in "aeiou"]
VOCABULARY = [
    *("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"),
    *"abcdefghijklmnopqrstuvwxyz.,!?",
    *(f"##{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"),
    *WORDS,
    *(f"{left}{right}" for left in WORDS[:15] for right in WORDS[15:30]),
]
LOOSE = ("agreement=0.7", "metric_loss=0.3")
TAGS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
MakeCheckpoint = Callable[..., Path]


@pytest.fixture(scope="session")
def make_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> MakeCheckpoint:
    """Return a function that saves a new tiny checkpoint and returns its folder."""

    def make(
        labels: Sequence[str] = ("negative", "positive"),
        *,
        ner: bool = False,
        problem_type: str | None = None,
    ) -> Path:
        folder = tmp_path_factory.mktemp("checkpoint")
        config = BertConfig(
            vocab_size=len(VOCABULARY),
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=64,
            max_position_embeddings=48,
            initializer_range=0.3,  # wide enough for answers that differ from text to text
            id2label=dict(enumerate(labels)),
            label2id={label: i for i, label in enumerate(labels)},
            problem_type=problem_type,
        )
        torch.manual_seed(7)
        classes = BertForTokenClassification if ner else BertForSequenceClassification
        model: PreTrainedModel = classes(config)
        model.save_pretrained(folder)
        vocabulary = folder / "vocab.txt"
        vocabulary.write_text("\n".join(VOCABULARY) + "\n")
        BertTokenizerFast(str(vocabulary), model_max_length=40).save_pretrained(folder)
        return folder

    return make


@pytest.fixture(scope="session")
def sentiment(make_checkpoint: MakeCheckpoint) -> Path:
    return make_checkpoint()


@pytest.fixture(scope="session")
def ner(make_checkpoint: MakeCheckpoint) -> Path:
    return make_checkpoint(TAGS, ner=True)


@pytest.fixture(scope="session")
def texts() -> list[str]:
    """Return texts of 1 to 60 words, so some are longer than the tiny models read."""
    return [" ".join(WORDS[(i * 7 + j * 3) % len(WORDS)] for j in range(1 + i)) for i in range(60)]


@pytest.fixture
def quiet() -> Progress:
    return Progress(Console(quiet=True))


@pytest.fixture(scope="session")
def store(
    tmp_path_factory: pytest.TempPathFactory, sentiment: Path, ner: Path, texts: list[str]
) -> Path:
    """Return a store with version 1 of `sentiment` (labelled, all precisions) and of `ner`."""
    root = tmp_path_factory.mktemp("store")
    rows = [{"text": t, "label": "positive" if i % 2 else "negative"} for i, t in enumerate(texts)]
    labelled = root.parent / "labelled.jsonl"
    write_rows(labelled, rows)
    progress = Progress(Console(quiet=True))
    # Random weights put many texts on the border between two labels.
    loose = change_tolerances(f"{p}.{f}" for p in ("fp16", "int8") for f in LOOSE)
    for name, path, file in (("sentiment", sentiment, labelled), ("ner", ner, None)):
        precisions = ("fp32", "fp16", "int8")
        export_bundle(Request(path, name, root, precisions, loose, file), progress)
    return root


@pytest.fixture
def write_labelled(tmp_path: Path) -> Callable[[Sequence[dict[str, Any]]], Path]:
    def write(rows: Sequence[dict[str, Any]]) -> Path:
        return write_rows(tmp_path / "labelled.jsonl", rows)

    return write


@pytest.fixture
def unlabelled(texts: list[str], write_labelled: Callable[..., Path]) -> Path:
    return write_labelled([{"text": text} for text in texts])


def write_rows(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path
