"""Where a checkpoint may be written, and which encoder it may grow from."""

import pytest
from transformers import (
    AutoConfig,
    AutoModel,
    AutoTokenizer,
    BertTokenizerFast,
    RobertaConfig,
    RobertaModel,
)


@pytest.mark.parametrize("name", ["thesis.txt", "config.json", "src"])
def test_a_folder_with_anything_of_somebody_elses_is_never_replaced(
    run, write_rows, reviews, tmp_path, name
):
    out = tmp_path / "checkpoint"
    data = write_rows("d.jsonl", reviews)
    out.mkdir()
    (out / name).mkdir() if name == "src" else (out / name).write_text("years of work")
    code, _, err = run("sequence-classification", data)
    assert code == 2
    assert f"has files that training did not write there ({name})" in err
    assert [path.name for path in out.iterdir()] == [name]


def test_a_checkpoint_is_replaced_as_a_whole_unless_somebody_added_to_it(
    run, write_rows, reviews, tmp_path
):
    out = tmp_path / "checkpoint"
    arguments = ("sequence-classification", write_rows("d.jsonl", reviews), "--epochs", "1")
    assert run(*arguments)[0] == 0
    first = sorted(path.name for path in out.iterdir())
    assert run(*arguments)[0] == 0
    assert sorted(path.name for path in out.iterdir()) == first
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".checkpoint")] == []
    (out / "notes.md").write_text("mine")
    assert run(*arguments)[0] == 2
    assert (out / "notes.md").read_text() == "mine"


def test_the_base_encoder_is_never_the_folder_that_is_written(run, write_rows, reviews, encoder):
    before = sorted(path.name for path in encoder.iterdir())
    data = write_rows("d.jsonl", reviews)
    for out in (encoder, encoder.parent):
        code, _, err = run("sequence-classification", data, "--out", str(out))
        assert code == 2
        assert "holds the base encoder" in err
    assert sorted(path.name for path in encoder.iterdir()) == before


def test_a_base_that_is_no_model_folder_is_refused(run, write_rows, reviews, tmp_path):
    data = write_rows("d.jsonl", reviews)
    code, _, err = run("sequence-classification", data, "--base", str(tmp_path))
    assert code == 2
    assert "has no config.json; name a Hugging Face model folder" in err


def test_a_length_beyond_the_encoder_is_refused(run, write_rows, reviews):
    data = write_rows("d.jsonl", reviews)
    code, _, err = run("sequence-classification", data, "--max-length", "65")
    assert code == 2
    assert "--max-length 65 is more than the 64 tokens" in err


@pytest.fixture
def roberta(encoder, tmp_path):
    """Return a RoBERTa of 36 positions, of which it never gives the first two to a token."""
    config = RobertaConfig(
        vocab_size=len(AutoTokenizer.from_pretrained(encoder)),
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=36,
        pad_token_id=1,
    )
    folder = tmp_path / "roberta"
    RobertaModel(config).save_pretrained(folder)
    BertTokenizerFast(str(encoder / "vocab.txt"), pad_token="[UNK]").save_pretrained(folder)
    return folder


@pytest.mark.parametrize("length", [33, 34, 35])
def test_positions_that_a_family_reserves_are_not_for_texts(
    run, write_rows, reviews, roberta, length
):
    rows = [row | {"text": row["text"] + " was good" * 20} for row in reviews]
    given = ("--base", str(roberta), "--max-length", str(length), "--epochs", "1")
    code, _, err = run("sequence-classification", write_rows("d.jsonl", rows), *given)
    if length > 34:
        assert code == 2
        assert "--max-length 35 is more than the 34 tokens of roberta" in err
    else:
        assert code == 0, err


def test_padding_never_goes_beyond_the_encoders_positions(
    run, write_rows, reviews, encoder, tmp_path
):
    """Padding 60 tokens to a multiple of 8 would take 64 positions, and there are 60."""
    short = tmp_path / "short"
    config = AutoConfig.from_pretrained(encoder, max_position_embeddings=60)
    AutoModel.from_config(config).save_pretrained(short)
    AutoTokenizer.from_pretrained(encoder).save_pretrained(short)
    rows = [row | {"text": row["text"] + " was good" * 40} for row in reviews]
    given = ("--base", str(short), "--max-length", "60", "--epochs", "1")
    code, _, err = run("sequence-classification", write_rows("d.jsonl", rows), *given)
    assert code == 0, err
