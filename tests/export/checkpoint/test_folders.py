"""Folders that people have are taken as they are, or told what they are and what to give."""

import shutil
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from export.checkpoint.folders import list_parents
from export.checkpoint.load import CheckpointOptions, load_checkpoint
from export.errors import CheckpointRefused
from tests.support.trainer_runs import run_trainer

TOKENIZER = ("tokenizer.json", "vocab.txt", "tokenizer_config.json", "special_tokens_map.json")


@pytest.fixture(scope="module")
def run(sentiment: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a training leaves whose Trainer never had the tokenizer."""
    return run_trainer(tmp_path_factory.mktemp("run") / "out", sentiment, tokenizer=False)


@pytest.fixture
def bare(copy: Path) -> Path:
    """A checkpoint without tokenizer."""
    for name in TOKENIZER:
        (copy / name).unlink()
    return copy


def test_the_folder_of_a_training_names_its_checkpoints_and_the_last(run: Path) -> None:
    reason = r"no config.json, but .*\(checkpoint-1, checkpoint-2\).* out/checkpoint-2, the last"
    with pytest.raises(CheckpointRefused, match=reason.replace("out", str(run))):
        load_checkpoint(run)


def test_the_folder_of_a_training_names_the_checkpoint_that_it_noted_as_the_best(
    sentiment: Path, tmp_path: Path
) -> None:
    out = run_trainer(tmp_path / "out", sentiment, tokenizer=True, best=True)
    with pytest.raises(CheckpointRefused, match=f"e.g. {out / 'checkpoint-1'}, the best"):
        load_checkpoint(out)
    assert load_checkpoint(out / "checkpoint-1").path == out / "checkpoint-1"


def test_the_folder_of_a_training_that_has_a_model_is_taken_itself(
    sentiment: Path, run: Path, tmp_path: Path
) -> None:
    shutil.copytree(sentiment, tmp_path / "out")
    shutil.copytree(run, tmp_path / "out", dirs_exist_ok=True)
    assert load_checkpoint(tmp_path / "out").path == tmp_path / "out"


def test_a_checkpoint_of_a_training_takes_the_tokenizer_beside_it(
    sentiment: Path, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = Path(shutil.copytree(run, tmp_path / "out"))
    step = out / "checkpoint-2"
    with pytest.raises(CheckpointRefused, match="checkpoint-2: it has no tokenizer.json"):
        load_checkpoint(step)
    AutoTokenizer.from_pretrained(sentiment).save_pretrained(out)
    assert Path(load_checkpoint(step).tokenizer.name_or_path) == out
    monkeypatch.chdir(step)
    assert Path(load_checkpoint(Path()).tokenizer.name_or_path) == out


def test_only_a_checkpoint_of_a_training_takes_a_tokenizer_from_above(tmp_path: Path) -> None:
    assert list_parents(tmp_path / "checkpoint-7") == [tmp_path]
    for name in ("checkpoint", "checkpoint-best", "model-7"):
        assert list_parents(tmp_path / name) == []


def test_a_checkpoint_without_tokenizer_is_told_the_option_and_the_lines_of_a_training(
    bare: Path,
) -> None:
    lines = r"--tokenizer DIR.*tokenizer\.save_pretrained\('.*checkpoint'\).*processing_class="
    with pytest.raises(CheckpointRefused, match=lines):
        load_checkpoint(bare)


def test_a_tokenizer_is_taken_from_the_folder_that_is_given(bare: Path, sentiment: Path) -> None:
    given = load_checkpoint(bare, CheckpointOptions(tokenizer=sentiment))
    whole = load_checkpoint(sentiment)
    assert given.tokenizer_json == whole.tokenizer_json
    assert (given.max_length, given.path) == (whole.max_length, bare)


def test_a_given_tokenizer_folder_without_one_is_refused(copy: Path, tmp_path: Path) -> None:
    for empty in (tmp_path, tmp_path / "none"):
        with pytest.raises(CheckpointRefused, match=f"{empty}: it has no tokenizer.json"):
            load_checkpoint(copy, CheckpointOptions(tokenizer=empty))


@pytest.mark.parametrize("name", ["model.onnx", "onnx/model.onnx", "onnx/model_quantized.onnx"])
@pytest.mark.parametrize("config", [True, False])
def test_a_folder_with_onnx_weights_alone_is_told_so(copy: Path, name: str, config: bool) -> None:
    (copy / "onnx").mkdir()
    (copy / "model.safetensors").rename(copy / name)
    if not config:
        (copy / "config.json").unlink()
    reason = rf"ONNX weights alone \({name}\).*give the PyTorch checkpoint that they were made from"
    with pytest.raises(CheckpointRefused, match=reason):
        load_checkpoint(copy)


def test_onnx_weights_beside_those_in_safetensors_are_no_reason_to_refuse(copy: Path) -> None:
    (copy / "onnx").mkdir()
    for name in ("model.onnx", "onnx/model.onnx"):
        (copy / name).write_bytes(b"x")
    load_checkpoint(copy)
