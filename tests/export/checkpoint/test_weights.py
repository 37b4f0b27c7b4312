"""Every trained weight is read, or the checkpoint is refused with its name."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from transformers import BertForTokenClassification

from export.checkpoint.load import load_checkpoint
from export.errors import CheckpointRefused
from tests.support.spoiling import Weights, edit, edit_weights, rename_weights

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 4\n"


def add(*names: str) -> Callable[[Weights], None]:
    return lambda weights: weights.update({name: torch.ones(32) for name in names})


def put(path: Path, name: str) -> None:
    (path / name).parent.mkdir(exist_ok=True)
    save_file({"linear.weight": torch.ones(2)}, path / name)


def shard_without_second(path: Path) -> None:
    (path / "model.safetensors").rename(path / "model-1.safetensors")
    index = '{"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}'
    (path / "model.safetensors.index.json").write_text(index)


def put_lora_in(path: Path) -> None:
    rename_weights(path, lambda name: name.replace("query.weight", "query.base_layer.weight"))
    edit_weights(path, add("bert.encoder.layer.0.attention.self.query.lora_A.weight"))


UNREAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "a CRF": (
        lambda p: edit_weights(p, add("crf.transitions", "crf.start_transitions")),
        r"does not read 2 of its weights \(crf.start_transitions, crf.transitions\)",
    ),
    "a dense layer of its own": (
        lambda p: edit_weights(p, add("dense.weight")),
        r"1 of its weights \(dense.weight\)",
    ),
    "a layer more than config.json says": (
        lambda p: edit(p, "config.json", num_hidden_layers=1),
        r"16 of its weights \(bert.encoder.layer.1.*sizes in config.json",
    ),
    "an adapter": (
        lambda p: put(p, "adapter_model.safetensors"),
        "adapter_model.safetensors. lies beside.*--adapter",
    ),
    "LoRA among the weights": (put_lora_in, "of an adapter.*merge_and_unload"),
    "a dense folder": (lambda p: put(p, "2_Dense/model.safetensors"), "1 files.*2_Dense/model"),
    "a file of weights": (lambda p: put(p, "crf.pt"), r"1 files \(crf.pt\)"),
    "a class that only ends like a known one": (
        lambda p: edit(p, "config.json", architectures=["BertCRFForTokenClassification"]),
        "BertCRFForTokenClassification, which is no class of transformers",
    ),
}


@pytest.mark.parametrize("case", UNREAD)
def test_weights_that_the_class_does_not_read_are_named_and_refused(
    copied_tagger: Path, case: str
) -> None:
    spoil, reason = UNREAD[case]
    spoil(copied_tagger)
    with pytest.raises(CheckpointRefused, match=reason):
        load_checkpoint(copied_tagger)


def test_a_head_that_transformers_drops_by_a_pattern_is_refused_too(
    copied_tagger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        BertForTokenClassification, "_keys_to_ignore_on_load_unexpected", ["pooler"]
    )
    edit_weights(copied_tagger, add("bert.pooler.dense.weight"))
    load_checkpoint(copied_tagger)
    edit_weights(copied_tagger, add("attention_pooler.weight"))
    with pytest.raises(CheckpointRefused, match=r"1 of its weights \(attention_pooler.weight\)"):
        load_checkpoint(copied_tagger)


@pytest.mark.parametrize(
    "name",
    ["bert.pooler.dense.weight", "cls.predictions.bias", "bert.embeddings.position_ids"],
)
def test_weights_that_cannot_change_an_answer_are_no_reason_to_refuse(
    copied_tagger: Path, name: str
) -> None:
    edit_weights(copied_tagger, add(name))
    load_checkpoint(copied_tagger)


def test_what_a_training_leaves_beside_the_weights_is_no_reason_to_refuse(copy: Path) -> None:
    for name in ("optimizer.pt", "training_args.bin", "checkpoint-5/model.safetensors"):
        put(copy, name)
    put(copy, "model.fp16.safetensors")
    load_checkpoint(copy)


UNUSABLE: dict[str, tuple[Callable[[Path], object], str]] = {
    "names of a wrapper": (
        lambda p: rename_weights(p, lambda name: f"_orig_mod.{name}"),
        r"names of a wrapper: _orig_mod\.bert.*take '_orig_mod\.' off",
    ),
    "layers that were never saved": (
        lambda p: edit(p, "config.json", num_hidden_layers=3),
        r"no weights for bert.encoder.layer.2.*another model.*3 layers",
    ),
    "another family": (
        lambda p: edit(p, "config.json", model_type="electra"),
        r"no weights for classifier.dense.bias.*does not read.*another model",
    ),
    "other sizes": (
        lambda p: edit(p, "config.json", vocab_size=999),
        r"word_embeddings.weight is \[\d+, 32\] where \[999, 32\] is expected.*vocab_size",
    ),
    "float8": (
        lambda p: edit_weights(
            p, lambda w: w.update({"classifier.bias": torch.ones(2).to(torch.float8_e4m3fn)})
        ),
        "1 weights are F8_E4M3 .classifier.bias.*fp32",
    ),
    "quantized by a library": (
        lambda p: edit(p, "config.json", quantization_config={"quant_method": "gptq"}),
        "quantized.*gptq.*fp32",
    ),
    "Flax": (lambda p: edit_weights(p, lambda w: None, "flax"), "weights of flax.*from_flax=True"),
    "a Git LFS pointer": (
        lambda p: (p / "model.safetensors").write_text(POINTER),
        "model.safetensors is a Git LFS pointer.*git lfs pull",
    ),
    "a tokenizer that is a Git LFS pointer": (
        lambda p: (p / "tokenizer.json").write_text(POINTER),
        "tokenizer.json is a Git LFS pointer",
    ),
    "half a copy": (
        lambda p: (p / "model.safetensors").write_bytes(
            (p / "model.safetensors").read_bytes()[:5000]
        ),
        "model.safetensors is damaged or cut short.*again",
    ),
    "a shard less": (shard_without_second, "names model-2.safetensors, which is missing"),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_weights_that_cannot_be_used_are_refused_with_the_cause(copy: Path, case: str) -> None:
    spoil, reason = UNUSABLE[case]
    spoil(copy)
    with pytest.raises(CheckpointRefused, match=reason):
        load_checkpoint(copy)


def test_weights_of_an_unnamed_framework_are_read(copy: Path) -> None:
    edit_weights(copy, lambda weights: None, None)
    load_checkpoint(copy)
