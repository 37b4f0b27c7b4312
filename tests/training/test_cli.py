"""The command: what it refuses, and what it says of a table of somebody else's."""

import json
import re
import subprocess
import sys
from pathlib import Path

SAVED = Path(__file__).parents[1] / "offline/readers/saved"


def test_bad_data_ends_in_one_line_and_exit_code_2(run, write, tmp_path):
    path = write("d.csv", "text,label\none,\n")
    code, out, err = run("sequence-classification", path)
    assert (code, out) == (2, "")
    assert re.fullmatch(rf"error: {path}, line 2, column 'label': no label here.*\n", err)
    assert not (tmp_path / "checkpoint").exists()


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


def test_a_data_set_of_words_and_tags_trains_as_it_was_saved(run, tmp_path):
    saved = SAVED / "names"
    named = ("--text-column", "tokens", "--label-column", "ner_tags", "--epochs", "1")
    code, _, err = run("token-classification", saved, *named, "--eval-data", str(saved))
    assert code == 2
    assert "0 rows to train on and 2 to evaluate on" in err  # they are the same two
