"""What the report says, beside the scores of the checkpoint itself."""

import json
import re

import pytest
import torch
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
)

from tests.training.conftest import FAST


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
