"""A training run, from data to a checkpoint that loads anywhere."""

import json

from transformers import (
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    AutoTokenizer,
    pipeline,
)

from tests.training.conftest import FAST


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
