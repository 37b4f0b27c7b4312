"""Checkpoints that cannot be exported are refused with what was found and what would work."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from export.checkpoint.load import load_checkpoint
from export.errors import CheckpointRefused


@pytest.fixture
def copy(sentiment: Path, tmp_path: Path) -> Path:
    return shutil.copytree(sentiment, tmp_path / "checkpoint")


def edit(path: Path, name: str, **changes: Any) -> None:
    content = json.loads((path / name).read_text())
    kept = {key: value for key, value in {**content, **changes}.items() if value is not None}
    (path / name).write_text(json.dumps(kept))


def edit_weights(path: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    weights = load_file(path / "model.safetensors")
    change(weights)
    save_file(weights, path / "model.safetensors", {"format": "pt"})


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
    "no fast tokenizer": (drop_tokenizer, "tokenizer.*save a fast tokenizer"),
    "no id2label": (
        lambda p: edit(p, "config.json", id2label=None),
        "no id2label; add id2label",
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
        "weights do not load",
    ),
    "no classifier": (
        lambda p: edit(p, "config.json", architectures=["BertForMaskedLM"]),
        "BertForMaskedLM.*ForSequenceClassification or .*ForTokenClassification",
    ),
    "regression": (
        lambda p: edit(p, "config.json", problem_type="regression"),
        "problem_type is 'regression'",
    ),
    "custom code": (
        lambda p: edit(p, "config.json", auto_map={"AutoConfig": "own.Config"}),
        "custom code .*AutoConfig",
    ),
    "custom tokenizer code": (
        lambda p: edit(p, "tokenizer_config.json", auto_map={"AutoTokenizer": "own.T"}),
        "tokenizer_config.json asks for custom code",
    ),
    "NaN in the weights": (poison, "classifier.weight contain NaN or infinity"),
    "an encoder without head": (behead, "no weights for classifier.*fine-tune"),
    "pickle only": (pickle_only, r"only pickle \(pytorch_model.bin\).*safe_serialization=True"),
    "no weights": (lambda p: (p / "model.safetensors").unlink(), "safetensors.*found none"),
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


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        (("O", "S-PER", "B-PER", "L-PER"), "no tag scheme"),
        (("O", "B-PER", "LOC"), "no tag scheme"),
        (("B-PER", "I-PER"), "no tag scheme"),
        (("O", "LABEL_1"), "no names"),
    ],
)
def test_labels_that_are_no_tag_scheme_are_refused(
    make_checkpoint: Any, labels: tuple[str, ...], reason: str
) -> None:
    with pytest.raises(CheckpointRefused, match=reason):
        load_checkpoint(make_checkpoint(labels, ner=True))


def test_the_tag_scheme_is_read_from_the_labels(make_checkpoint: Any, ner: Path) -> None:
    assert load_checkpoint(ner).config.tag_scheme == "BIO"
    bare = make_checkpoint(("O", "PER", "LOC"), ner=True)
    assert load_checkpoint(bare).config.tag_scheme == "IO"


def test_the_shorter_limit_of_tokenizer_and_positions_holds(copy: Path) -> None:
    assert load_checkpoint(copy).max_length == 40
    edit(copy, "tokenizer_config.json", model_max_length=10**30)
    assert load_checkpoint(copy).max_length == 48
