"""The command, from data file to checkpoint."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    AutoTokenizer,
    BertTokenizerFast,
    RobertaConfig,
    RobertaModel,
    pipeline,
)

from training.__main__ import main

SAVED = Path(__file__).parents[1] / "offline/readers/saved"


@pytest.fixture
def run(encoder, tmp_path, capsys):
    """Run the command on a file; return its exit code, its output and its errors."""

    def command(task, data, *options):
        out = tmp_path / "checkpoint"
        arguments = ["--task", task, "--data", str(data), "--base", str(encoder)]
        arguments += ["--out", str(out), "--max-length", "32", *options]
        code = main(arguments)
        said = capsys.readouterr()
        return code, said.out, said.err

    return command


FAST = ("--epochs", "15", "--learning-rate", "3e-3", "--eval-fraction", "0.25", "--patience", "9")


def test_a_text_classifier_is_trained_and_loads_anywhere(run, write_rows, reviews, tmp_path):
    code, out, _ = run("sequence-classification", write_rows("d.jsonl", reviews), *FAST)
    assert code == 0
    folder = tmp_path / "checkpoint"
    model = AutoModelForSequenceClassification.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert model.config.id2label == {0: "negative", 1: "positive"}
    assert model.config.label2id == {"negative": 0, "positive": 1}
    assert model.config.problem_type == "single_label_classification"
    assert tokenizer.model_max_length == 32
    evaluation = json.loads((folder / "evaluation.json").read_text(encoding="utf-8"))
    assert evaluation["metrics"]["accuracy"] >= 0.8  # the label stands in the text
    assert sum(map(sum, evaluation["confusion_matrix"])) == 10
    assert out == (folder / "report.md").read_text(encoding="utf-8")
    assert "| positive |" in out
    assert "Confusion matrix" in out


def test_the_reported_scores_are_those_of_the_checkpoint_on_its_eval_file(
    run, write_rows, reviews, tmp_path
):
    run("sequence-classification", write_rows("d.jsonl", reviews), *FAST)
    folder = tmp_path / "checkpoint"
    rows = [json.loads(line) for line in (folder / "eval.jsonl").read_text().splitlines()]
    trained_on = {row["text"] for row in reviews} - {row["text"] for row in rows}
    assert (len(rows), len(trained_on)) == (10, 30)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder)
    inputs = tokenizer(
        [r["text"] for r in rows], padding=True, truncation=True, return_tensors="pt"
    )
    with torch.inference_mode():
        best = model(**inputs).logits.argmax(dim=1).tolist()
    right = sum(model.config.id2label[i] == row["label"] for i, row in zip(best, rows, strict=True))
    evaluation = json.loads((folder / "evaluation.json").read_text(encoding="utf-8"))
    assert evaluation["metrics"]["accuracy"] == pytest.approx(right / 10)


def test_lists_of_labels_train_a_multi_label_checkpoint(run, write_rows, reviews, tmp_path):
    rows = [r | {"label": [r["label"], *(["fun"] if "fun" in r["text"] else [])]} for r in reviews]
    code, _, _ = run("sequence-classification", write_rows("d.jsonl", rows), *FAST)
    assert code == 0
    folder = tmp_path / "checkpoint"
    model = AutoModelForSequenceClassification.from_pretrained(folder)
    assert model.config.problem_type == "multi_label_classification"
    assert set(model.config.label2id) == {"fun", "negative", "positive"}
    evaluation = json.loads((folder / "evaluation.json").read_text(encoding="utf-8"))
    assert evaluation["headline"] == "macro_f1"
    assert all(isinstance(json.loads(row)["label"], list) for row in open_rows(folder))


def open_rows(folder):
    return (folder / "eval.jsonl").read_text(encoding="utf-8").splitlines()


def test_pairs_are_trained_and_kept_in_the_eval_file(run, write_rows, reviews, tmp_path):
    rows = [row | {"text_pair": "was it fun"} for row in reviews]
    code, _, _ = run("sequence-classification", write_rows("d.jsonl", rows), "--epochs", "1")
    assert code == 0
    kept = [json.loads(row) for row in open_rows(tmp_path / "checkpoint")]
    assert {row["text_pair"] for row in kept} == {"was it fun"}


def test_an_entity_tagger_is_trained_and_its_eval_spans_match_their_text(
    run, write_rows, people, tmp_path
):
    options = ("--epochs", "12", "--learning-rate", "5e-3", "--eval-fraction", "0.25")
    code, out, _ = run("token-classification", write_rows("d.jsonl", people), *options)
    assert code == 0
    folder = tmp_path / "checkpoint"
    model = AutoModelForTokenClassification.from_pretrained(folder)
    assert model.config.id2label == {0: "O", 1: "B-LOC", 2: "I-LOC", 3: "B-PER", 4: "I-PER"}
    assert "| LOC |" in out
    names = {"Anna", "Anna Smith", "Paris", "Rome", "Romeston"}
    for row in map(json.loads, open_rows(folder)):
        assert {row["text"][s["start"] : s["end"]] for s in row["spans"]} <= names
    find = pipeline("token-classification", str(folder), aggregation_strategy="first")
    found = {(e["word"], e["entity_group"]) for e in find("Anna Smith lives in Romeston 7.")}
    assert found == {("anna smith", "PER"), ("romeston", "LOC")}


def test_conll_columns_train_with_a_given_evaluation_file(run, write, tmp_path):
    sentence = "Anna B-PER\nlives O\nin O\nParis B-LOC\n{} O\n\n"
    data = write("d.conll", "".join(sentence.format(i) for i in range(9)))
    given = write("e.conll", sentence.format(3) + sentence.format(99))
    code, _, _ = run("token-classification", data, "--eval-data", str(given), "--epochs", "1")
    assert code == 0
    evaluation = json.loads((tmp_path / "checkpoint/evaluation.json").read_text())
    assert evaluation["facts"]["training examples"] == 8
    assert evaluation["facts"]["held-out examples"] == 2


def test_bad_data_ends_in_one_line_and_exit_code_2(run, write, tmp_path):
    path = write("d.csv", "text,label\none,\n")
    code, out, err = run("sequence-classification", path)
    assert (code, out) == (2, "")
    assert re.fullmatch(rf"error: {path}, line 2, column 'label': no label here.*\n", err)
    assert not (tmp_path / "checkpoint").exists()


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


@pytest.mark.parametrize("task", ["sequence-classification", "token-classification"])
def test_texts_that_are_cut_are_counted(run, write_rows, reviews, people, caplog, task):
    rows = reviews if task == "sequence-classification" else people
    rows = [
        row | {"text": row["text"] + " was good" * (i % 4 == 0) * 9} for i, row in enumerate(rows)
    ]
    given = ("--max-length", "16", "--epochs", "1", "--eval-fraction", "0.25")
    code, out, _ = run(task, write_rows("d.jsonl", rows), *given)
    assert code == 0
    (warning,) = [r.getMessage() for r in caplog.records if "are cut" in r.getMessage()]
    cut, texts = map(int, re.findall(r"^(\d+) of (\d+) training texts", warning)[0])
    assert (texts, 0 < cut <= 10) == (30, True)
    assert f"- texts longer than that: {cut / texts:.1%}, held out {(10 - cut) / 10:.1%}" in out


def test_a_base_that_is_no_model_folder_is_refused(run, write_rows, reviews, tmp_path):
    data = write_rows("d.jsonl", reviews)
    code, _, err = run("sequence-classification", data, "--base", str(tmp_path))
    assert code == 2
    assert "has no config.json; name a Hugging Face model folder" in err


def test_help_answers_without_importing_torch():
    code = (
        "import sys; from training.__main__ import parser; parser(); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_data_that_cannot_be_used_is_refused_before_the_libraries_are_imported(write, tmp_path):
    path = write("d.csv", "sentence,sentiment\none,a\n")
    arguments = ["--task", "sequence-classification", "--data", str(path)]
    arguments += ["--base", str(tmp_path), "--out", str(tmp_path / "out")]
    code = (
        "import sys; from training.__main__ import main; main(sys.argv[1:]); "
        "print([name for name in ('torch', 'transformers', 'sklearn') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
    assert "no column 'text', there is no column 'label'; say with --text-column" in done.stderr


def test_a_table_of_somebody_elses_trains_and_what_is_left_out_is_said(
    run, write, reviews, tmp_path, caplog
):
    caplog.set_level("INFO")
    rows = [f"{i};{r['text']};{r['label']}" for i, r in enumerate(reviews)]
    rows += [f"90;{reviews[0]['text']};positive", "91;;negative", "92;caf\xe9;negative"]
    path = write("d.csv", "\r\n".join(["Nr;Kommentar;Urteil", *rows]).encode("latin-1"))
    named = ("--text-column", "Kommentar", "--label-column", "Urteil", "--epochs", "1")
    mended = ("--on-bad-bytes", "replace", "--on-bad-row", "skip", "--limit", "20")
    code, _, err = run("sequence-classification", path, *named, *mended, "--eval-fraction", "0.5")
    assert code == 0, err
    said = "\n".join(caplog.messages)
    assert "what is not UTF-8 was replaced by U+FFFD in 1 of 44 lines: line 44" in said
    assert "columns that are not read: Nr" in said
    assert "1 rows left out: column 'Kommentar' in line 43 ('' is not a text" in said
    assert "left out: 1 rows that repeat the text of another" in said
    assert "left out: 1 rows beyond --limit" in said
    facts = json.loads((tmp_path / "checkpoint/evaluation.json").read_text())["facts"]
    assert (facts["training examples"], facts["held-out examples"]) == (20, 20)


def test_the_score_stands_beside_that_of_the_commonest_answer(
    run, write_rows, reviews, tmp_path, caplog
):
    caplog.set_level("INFO")
    path = write_rows("d.jsonl", reviews[:30])  # 20 positive, 10 negative
    code, out, _ = run("sequence-classification", path, *FAST, "--eval-fraction", "0.5")
    assert code == 0
    evaluation = json.loads((tmp_path / "checkpoint/evaluation.json").read_text())
    assert evaluation["baseline"] == {"answer": "positive", "value": pytest.approx(10 / 15)}
    assert "Always answering positive has accuracy 0.6667." in out
    assert any("held-out data, always answering positive 0.6667" in m for m in caplog.messages)


def test_a_class_that_is_never_predicted_and_a_score_of_the_commonest_answer_are_warned_of(
    run, write_rows, reviews, tmp_path, caplog
):
    path = write_rows("d.jsonl", reviews[:24])  # 20 positive, 4 negative
    options = ("--epochs", "0.1", "--learning-rate", "1e-6", "--eval-fraction", "0.5")
    code, out, _ = run("sequence-classification", path, *options, "--patience", "0")
    assert code == 0
    (never,) = json.loads((tmp_path / "checkpoint/evaluation.json").read_text())["never_predicted"]
    count = {"negative": 2, "positive": 10}[never]
    message = f"ever predicted: {never} ({count}); in brackets how often it is true"
    assert any(message in said for said in caplog.messages)
    assert message in out
    assert any("is no better than always answering positive: 0.8333" in m for m in caplog.messages)


def test_a_data_set_of_words_and_tags_trains_as_it_was_saved(run, tmp_path):
    saved = SAVED / "names"
    named = ("--text-column", "tokens", "--label-column", "ner_tags", "--epochs", "1")
    code, _, err = run("token-classification", saved, *named, "--eval-data", str(saved))
    assert code == 2
    assert "0 rows to train on and 2 to evaluate on" in err  # they are the same two
