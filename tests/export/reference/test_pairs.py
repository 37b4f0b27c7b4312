"""What is fed to a graph is what the checkpoint's tokenizer gives, for pairs too."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    AutoTokenizer,
)

from app.bundle.bundle import open_bundle
from app.engine.backends.onnxruntime import OnnxRuntimeBackend
from app.engine.models.servable import Servable
from app.engine.text.encoding import TextInput
from export.checkpoint.load import load_checkpoint
from export.parity.tolerances import TOLERANCES
from export.pipeline import Request, export_bundle
from export.progress import Progress
from export.reference.workload import prepare_workload
from tests.support.spoiling import edit

INPUTS = [
    TextInput("ba be bi"),
    TextInput("ba be bi", "ku ko"),
    TextInput("ba [SEP] be", "a"),
    TextInput("ba " * 60 + "ku", "be"),
]


def put_model(folder: Path, family: str, **settings: Any) -> None:
    """Replace the weights by those of another family; the tokenizer stays."""
    torch.manual_seed(3)
    sizes = {
        "vocab_size": len(AutoTokenizer.from_pretrained(folder)),
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "max_position_embeddings": 64,
        "initializer_range": 0.4,
        "pad_token_id": 0,
    }
    config = AutoConfig.for_model(family, **(sizes | settings))
    AutoModelForSequenceClassification.from_config(config).save_pretrained(folder)


CHECKPOINTS: dict[str, Callable[[Path], object]] = {
    "BERT": lambda p: None,
    "BERT with DistilBERT's tokenizer": lambda p: edit(
        p, "tokenizer_config.json", tokenizer_class="DistilBertTokenizer"
    ),
    "BERT whose tokenizer is told to give no types": lambda p: edit(
        p, "tokenizer_config.json", model_input_names=["input_ids", "attention_mask"]
    ),
    "BigBird, whose graphs usually have no types": lambda p: put_model(
        p, "big_bird", attention_type="original_full"
    ),
    "RoBERTa with two types and BERT's tokenizer": lambda p: put_model(
        p, "roberta", type_vocab_size=2
    ),
    "BERT that reads special tokens as text": lambda p: edit(
        p, "tokenizer_config.json", split_special_tokens=True
    ),
    "BERT that keeps the end of a text": lambda p: edit(
        p, "tokenizer_config.json", truncation_side="left"
    ),
}


@pytest.mark.parametrize("case", CHECKPOINTS)
def test_texts_and_pairs_are_answered_as_the_checkpoint_with_its_tokenizer_answers(
    sentiment: Path, tmp_path: Path, quiet: Progress, case: str
) -> None:
    folder = shutil.copytree(sentiment, tmp_path / "checkpoint")
    CHECKPOINTS[case](folder)
    target = export_bundle(Request(folder, "m", tmp_path, ("fp32",), TOLERANCES), quiet)
    servable = Servable.load(open_bundle(target), OnnxRuntimeBackend())
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder)
    for one in INPUTS:
        features = tokenizer(one.text, one.text_pair, truncation=True, return_tensors="pt")
        with torch.inference_mode():
            expected = model(**features).logits[0].numpy()
        (served,) = servable.run(servable.encode(one, "truncate", 1).windows)
        np.testing.assert_allclose(served, expected, atol=1e-4)


def test_a_model_with_fewer_types_than_its_tokenizer_gives_reads_single_texts(
    sentiment: Path, tmp_path: Path, quiet: Progress
) -> None:
    folder = shutil.copytree(sentiment, tmp_path / "checkpoint")
    put_model(folder, "roberta", type_vocab_size=1)
    target = export_bundle(Request(folder, "m", tmp_path, ("fp32",), TOLERANCES), quiet)
    assert open_bundle(target).manifest.input == "text"


def test_pairs_are_among_the_built_in_texts(sentiment: Path) -> None:
    workload = prepare_workload(load_checkpoint(sentiment), [])
    assert sum(one.text_pair is not None for one in workload.inputs) >= 2
