"""A PEFT adapter is exported as the model that it makes of its base, or refused with the cause."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForTokenClassification, AutoTokenizer

from app.bundle.bundle import open_bundle
from app.engine.backends.base import Mode
from app.engine.backends.onnxruntime import OnnxRuntimeBackend
from app.engine.models.servable import Servable
from app.engine.text.encoding import TextInput
from export.checkpoint.load import CheckpointOptions, load_checkpoint
from export.errors import CheckpointRefused
from export.parity.tolerances import TOLERANCES
from export.pipeline import Request, export_bundle
from export.progress import Progress
from tests.support.adapters import adapter_logits, make_adapter, make_encoder
from tests.support.checkpoints import make_checkpoint as make_family
from tests.support.families import choose_families
from tests.support.spoiling import edit

NAMES = ("anger", "joy", "fear", "calm")


@pytest.fixture(scope="module")
def encoder(sentiment: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_encoder(tmp_path_factory.mktemp("base") / "encoder", sentiment)


@pytest.fixture(scope="module")
def made(encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_adapter(tmp_path_factory.mktemp("adapters") / "emotions", encoder)


@pytest.fixture
def adapter(made: Path, tmp_path: Path) -> Path:
    """An adapter that a test may spoil."""
    return Path(shutil.copytree(made, tmp_path / "emotions"))


def test_the_bundle_of_an_adapter_answers_as_peft_does_with_adapter_and_base(
    encoder: Path, adapter: Path, quiet: Progress, texts: list[str], tmp_path: Path
) -> None:
    options = CheckpointOptions(adapter=adapter, labels=NAMES)
    request = Request(encoder, "m", tmp_path / "s", ("fp32",), TOLERANCES, options=options)
    bundle = open_bundle(export_bundle(request, quiet))
    assert bundle.manifest.labels == NAMES
    assert bundle.manifest.source.checkpoint == "encoder + emotions"
    servable = Servable.load(bundle, OnnxRuntimeBackend(), Mode("fp32"))
    for text in texts[::15]:
        (served,) = servable.run(servable.encode(TextInput(text), "truncate", 1).windows)
        expected = adapter_logits(encoder, adapter, text).numpy()
        np.testing.assert_allclose(served, expected, atol=1e-4)


def test_a_folder_that_is_an_adapter_is_merged_into_the_base_that_it_names(
    encoder: Path, adapter: Path
) -> None:
    alone = load_checkpoint(adapter)
    given = load_checkpoint(encoder, CheckpointOptions(adapter=adapter))
    assert (alone.path, alone.base) == (given.path, given.base) == (adapter, encoder)
    assert alone.weights_sha256 == given.weights_sha256 != load_file_hash(encoder)
    for one, other in zip(alone.model.parameters(), given.model.parameters(), strict=True):
        assert torch.equal(one, other)


def load_file_hash(folder: Path) -> str:
    from export.checkpoint.files import find_weights, hash_files

    return hash_files(find_weights(folder))


def test_the_tokenizer_of_an_adapter_comes_before_that_of_its_base(
    encoder: Path, adapter: Path
) -> None:
    assert Path(load_checkpoint(adapter).tokenizer.name_or_path) == encoder
    AutoTokenizer.from_pretrained(encoder, model_max_length=20).save_pretrained(adapter)
    checkpoint = load_checkpoint(adapter)
    assert (Path(checkpoint.tokenizer.name_or_path), checkpoint.max_length) == (adapter, 20)


def test_an_adapter_that_a_training_saved_on_its_way_takes_the_tokenizer_above(
    encoder: Path, adapter: Path, tmp_path: Path
) -> None:
    step = adapter.rename(tmp_path / "checkpoint-7")
    AutoTokenizer.from_pretrained(encoder).save_pretrained(tmp_path)
    assert Path(load_checkpoint(step).tokenizer.name_or_path) == tmp_path
    with pytest.raises(CheckpointRefused, match="give one of them, e.g. .*/checkpoint-7, the last"):
        load_checkpoint(tmp_path)


def test_an_adapter_without_a_head_keeps_head_and_labels_of_its_base(
    sentiment: Path, tmp_path: Path
) -> None:
    checkpoint = load_checkpoint(make_adapter(tmp_path / "a", sentiment, labels=2, task=None))
    base = load_checkpoint(sentiment)
    assert checkpoint.config == base.config
    assert torch.equal(checkpoint.model.classifier.weight, base.model.classifier.weight)
    assert not torch.equal(*(_query(one.model) for one in (checkpoint, base)))


def _query(model: torch.nn.Module) -> torch.Tensor:
    return model.get_parameter("bert.encoder.layer.0.attention.self.query.weight")


def test_an_adapter_for_tokens_is_read_with_its_tags(encoder: Path, tmp_path: Path) -> None:
    adapter = make_adapter(tmp_path / "a", encoder, labels=3, task="TOKEN_CLS")
    with pytest.raises(CheckpointRefused, match="tags have no names.*give --labels"):
        load_checkpoint(adapter)
    options = CheckpointOptions(labels=("O", "B-PER", "I-PER"))
    assert load_checkpoint(adapter, options).config.tag_scheme == "BIO"


def test_the_labels_are_counted_in_the_last_layer_of_a_head_with_several(tmp_path: Path) -> None:
    (family,) = choose_families(["roberta"])
    classifier = make_family(family, "sequence-classification", tmp_path / "c")
    adapter = make_adapter(tmp_path / "a", make_encoder(tmp_path / "e", classifier), labels=5)
    assert len(load_checkpoint(adapter).config.labels) == 5


def test_a_base_whose_pooler_was_never_saved_is_refused(
    ner: Path, adapter: Path, tmp_path: Path
) -> None:
    base = tmp_path / "tagger"
    AutoModelForTokenClassification.from_pretrained(ner).save_pretrained(base)
    options = CheckpointOptions(adapter=adapter)
    with pytest.raises(
        CheckpointRefused, match=r"neither it nor its base .*bert\.pooler\.dense.* modules_to_save"
    ):
        load_checkpoint(base, options)


def drop(adapter: Path, part: str) -> None:
    file = adapter / "adapter_model.safetensors"
    save_file({k: w for k, w in load_file(file).items() if part not in k}, file, {"format": "pt"})


def pickle(adapter: Path) -> None:
    file = adapter / "adapter_model.safetensors"
    torch.save(load_file(file), adapter / "adapter_model.bin")
    file.unlink()


REFUSALS: dict[str, tuple[Callable[[Path], object], str]] = {
    "a base that is elsewhere": (
        lambda p: edit(p, "adapter_config.json", base_model_name_or_path="bert-base-uncased"),
        "PEFT adapter of bert-base-uncased, which is no folder.* --adapter .*emotions",
    ),
    "a base without a name": (
        lambda p: edit(p, "adapter_config.json", base_model_name_or_path=None),
        "adapter of a base without a name",
    ),
    "another task": (
        lambda p: edit(p, "adapter_config.json", task_type="CAUSAL_LM"),
        "task_type is 'CAUSAL_LM'.*SEQ_CLS, TOKEN_CLS",
    ),
    "no head": (lambda p: drop(p, "classifier"), "neither it nor its base.*classifier.bias"),
    "a layer less": (
        lambda p: drop(p, "layer.1.attention.self.query.lora_A"),
        "1 of its weights are not those that adapter_config.json describes .*query.lora_A",
    ),
    "fewer targets than weights": (
        lambda p: edit(p, "adapter_config.json", target_modules=["query"]),
        "4 of its weights are not those .*value.lora_A",
    ),
    "another rank": (
        lambda p: edit(p, "adapter_config.json", r=2),
        "PEFT cannot merge it into .*encoder .RuntimeError",
    ),
    "a pickle": (pickle, "no adapter_model.safetensors; .*PeftModel.*in safetensors"),
    "weights beside it": (
        lambda p: (p / "crf.pt").write_bytes(b"x"),
        r"nothing reads the weights .*crf\.pt",
    ),
}


@pytest.mark.parametrize("folder", ["none", "."])
def test_a_folder_that_is_no_adapter_is_refused(encoder: Path, tmp_path: Path, folder: str) -> None:
    options = CheckpointOptions(adapter=tmp_path / folder)
    with pytest.raises(CheckpointRefused, match="no adapter_config.json; give the folder that"):
        load_checkpoint(encoder, options)


@pytest.mark.parametrize("case", REFUSALS)
def test_an_adapter_that_cannot_be_merged_is_refused_with_the_cause(
    adapter: Path, case: str
) -> None:
    spoil, reason = REFUSALS[case]
    spoil(adapter)
    with pytest.raises(CheckpointRefused, match=reason):
        load_checkpoint(adapter)


def test_a_base_of_another_size_is_refused(ner: Path, adapter: Path, tmp_path: Path) -> None:
    (family,) = choose_families(["bert"])
    wide = make_family(family, "sequence-classification", tmp_path / "wide")
    with pytest.raises(CheckpointRefused, match="of this size for|PEFT cannot merge"):
        load_checkpoint(wide, CheckpointOptions(adapter=adapter))
