"""Checkpoints that cannot be exported are refused with what was found and what would work."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModelForSequenceClassification

from export.checkpoint.load import load_checkpoint
from export.errors import CheckpointRefused
from tests.support.spoiling import edit, edit_weights


def drop_tokenizer(path: Path) -> None:
    for name in ("tokenizer.json", "vocab.txt", "tokenizer_config.json", "special_tokens_map.json"):
        (path / name).unlink()


def pickle_only(path: Path) -> None:
    torch.save(load_file(path / "model.safetensors"), path / "pytorch_model.bin")
    (path / "model.safetensors").unlink()


def poison(path: Path) -> None:
    edit_weights(path, lambda w: w["classifier.weight"].fill_(float("nan")))


def behead(path: Path) -> None:
    edit_weights(path, lambda w: [w.pop("classifier.weight"), w.pop("classifier.bias")])


REFUSALS: dict[str, tuple[Callable[[Path], object], str]] = {
    "no tokenizer": (drop_tokenizer, "no tokenizer.json and no vocabulary; .*--tokenizer DIR"),
    "sentencepiece alone": (
        lambda p: [drop_tokenizer(p), (p / "spiece.model").write_bytes(b"x")],
        "spiece.model alone is there.*sentencepiece, tiktoken and protobuf",
    ),
    "a tokenizer class of its own": (
        lambda p: edit(p, "tokenizer_config.json", tokenizer_class="MyTokenizer"),
        "tokenizer_config.json names MyTokenizer",
    ),
    "another default number of labels": (
        lambda p: edit(p, "config.json", id2label=None, num_labels=3),
        r"classifier.bias is \[2\] where \[3\] is expected",
    ),
    "a number of labels in words": (
        lambda p: edit(p, "config.json", num_labels="three"),
        "num_labels is 'three'",
    ),
    "a list as id2label": (
        lambda p: edit(p, "config.json", id2label=["a", "b"]),
        r"id2label is \['a', 'b'\]",
    ),
    "a newer model type": (
        lambda p: edit(p, "config.json", model_type="superbert"),
        "'superbert', which transformers .* does not know.*install a version",
    ),
    "no model type": (lambda p: edit(p, "config.json", model_type=None), "model_type is 'missing'"),
    "a size that is none": (
        lambda p: edit(p, "config.json", hidden_size="big"),
        "does not load for sequence-classification .TypeError.*correct config.json",
    ),
    "id2label with a hole": (
        lambda p: edit(p, "config.json", id2label={"0": "a", "2": "b"}),
        "ids 0, 2 where 2 labels need 0 to 1",
    ),
    "a label twice": (
        lambda p: edit(p, "config.json", id2label={"0": "a", "1": "a"}),
        "gives a to several ids",
    ),
    "another number of labels": (
        lambda p: edit(p, "config.json", id2label={"0": "a", "1": "b", "2": "c"}, label2id=None),
        r"classifier.bias is \[2\] where \[3\] is expected",
    ),
    "no classifier": (
        lambda p: edit(p, "config.json", architectures=["BertForMaskedLM"]),
        "BertForMaskedLM.*ForSequenceClassification or .*ForTokenClassification",
    ),
    "unknown problem": (
        lambda p: edit(p, "config.json", problem_type="ranking"),
        "problem_type is 'ranking'",
    ),
    "custom code": (
        lambda p: edit(p, "config.json", auto_map={"AutoConfig": "own.Config"}),
        "custom code .*AutoConfig",
    ),
    "custom code as a list": (
        lambda p: edit(p, "config.json", auto_map=["own.Config"]),
        "auto_map: own.Config",
    ),
    "custom tokenizer code": (
        lambda p: edit(p, "tokenizer_config.json", auto_map={"AutoTokenizer": "own.T"}),
        "tokenizer_config.json asks for custom code",
    ),
    "NaN in the weights": (poison, "classifier.weight contain NaN or infinity"),
    "an encoder without head": (behead, "no weights for classifier.*fine-tune"),
    "pickle only": (pickle_only, r"another format \(pytorch_model.bin\).*safe_serialization=True"),
    "no weights": (
        lambda p: (p / "model.safetensors").unlink(),
        "it has no weights in safetensors; give a folder",
    ),
    "broken config": (lambda p: (p / "config.json").write_text("{"), "config.json cannot be read"),
    "no config": (lambda p: (p / "config.json").unlink(), "it has no config.json"),
    "no folder": (lambda p: shutil.rmtree(p), "no such folder"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_bad_checkpoint_is_refused_with_its_reason(copy: Path, case: str) -> None:
    spoil, reason = REFUSALS[case]
    spoil(copy)
    with pytest.raises(CheckpointRefused, match=reason):
        load_checkpoint(copy)


def test_the_tag_scheme_is_read_from_the_labels(make_checkpoint: Any, ner: Path) -> None:
    assert load_checkpoint(ner).config.tag_scheme == "BIO"
    bare = make_checkpoint(("O", "PER", "LOC"), ner=True)
    assert load_checkpoint(bare).config.tag_scheme == "IO"


def test_the_shorter_limit_of_tokenizer_and_positions_holds(copy: Path) -> None:
    assert load_checkpoint(copy).max_length == 40
    edit(copy, "tokenizer_config.json", model_max_length=10**30)
    assert load_checkpoint(copy).max_length == 48


def test_default_labels_that_transformers_does_not_write_are_those_of_its_pipeline(
    copy: Path,
) -> None:
    edit(copy, "config.json", id2label=None, label2id=None)
    assert load_checkpoint(copy).config.labels == ("LABEL_0", "LABEL_1")


@pytest.mark.parametrize("added", [["@user", "<url>"], ["<pad>"]])
def test_a_tokenizer_with_more_tokens_than_embeddings_is_refused(
    copy: Path, added: list[str]
) -> None:
    tokenizer = load_checkpoint(copy).tokenizer
    tokenizer.add_tokens(added)
    tokenizer.save_pretrained(copy)
    with pytest.raises(CheckpointRefused, match=f"{added[0]}.*resize_token_embeddings"):
        load_checkpoint(copy)


@pytest.mark.parametrize(
    "settings",
    [
        {"tokenizer_class": "TokenizersBackend", "backend": "tokenizers"},
        {"extra_special_tokens": ["[MASK]"]},
        {"tokenizer_class": "TokenizersBackend", "extra_special_tokens": ["ba"]},
    ],
)
def test_a_tokenizer_saved_by_transformers_5_is_read_as_before(
    copy: Path, settings: dict[str, Any]
) -> None:
    before = load_checkpoint(copy).tokenizer("ba be [MASK]")["input_ids"]
    edit(copy, "tokenizer_config.json", **settings)
    assert load_checkpoint(copy).tokenizer("ba be [MASK]")["input_ids"] == before


@pytest.mark.filterwarnings("ignore:.torch.jit.script_method")
@pytest.mark.parametrize(("base", "right"), [(160_000.0, True), (50_000.0, False)])
def test_rotary_positions_of_transformers_5_are_refused_unless_they_are_those_that_load(
    copy: Path, base: float, right: bool
) -> None:
    config = AutoConfig.for_model(
        "modernbert",
        vocab_size=500,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
        pad_token_id=0,
        reference_compile=False,
    )
    AutoModelForSequenceClassification.from_config(config).save_pretrained(copy)
    parts = {"full_attention": base, "sliding_attention": 10_000.0}
    given = {name: {"rope_type": "default", "rope_theta": one} for name, one in parts.items()}
    edit(copy, "config.json", rope_parameters=given)
    if right:
        load_checkpoint(copy)
        return
    with pytest.raises(CheckpointRefused, match=r"50000\.0.*does not read; give them under"):
        load_checkpoint(copy)


@pytest.mark.parametrize(("name", "number"), [("[MASK]", 4), ("[UNK]", 1)])
def test_the_unknown_token_is_the_one_that_the_tokenizers_own_settings_name(
    copy: Path, name: str, number: int
) -> None:
    for file in ("tokenizer_config.json", "special_tokens_map.json"):
        edit(copy, file, unk_token=name)
    assert load_checkpoint(copy).tokenizer_settings.unknown_id == number
