"""Evaluation files: every row that cannot be used is named with file and line."""

from dataclasses import replace
from pathlib import Path

import pytest

from app.engine.text.encoding import TextInput
from export.checkpoint.config import ModelConfig
from export.reference.examples import Example, read_examples, read_inputs
from offline.errors import DataError
from offline.readers.examples import Span
from offline.readers.layout import Layout

SEQUENCE = ModelConfig("B", "bert", "sequence-classification", "single_label", ("a", "b"), None)
MULTI = ModelConfig("B", "bert", "sequence-classification", "multi_label", ("a", "b"), None)
NER = ModelConfig("B", "bert", "token-classification", "single_label", ("O", "B-X", "I-X"), "BIO")


ONE = ModelConfig("B", "bert", "sequence-classification", "single_label", ("spam",), None)


def read(file: Path, config: ModelConfig) -> list[Example]:
    return read_examples(file, config, lambda _: None)


def write(path: Path, content: str) -> Path:
    file = path / "rows.jsonl"
    file.write_bytes(content.encode("utf-8", errors="surrogateescape"))
    return file


def test_rows_of_each_kind_are_read(tmp_path: Path) -> None:
    file = write(tmp_path, '{"text": "t", "text_pair": "p", "label": "a"}\n\n')
    assert read(file, SEQUENCE) == [Example(TextInput("t", "p"), frozenset({"a"}))]
    file = write(tmp_path, '{"text": "t", "label": []}\n')
    assert read(file, MULTI) == [Example(TextInput("t"))]
    file = write(tmp_path, '{"text": "t u", "spans": [{"start": 2, "end": 3, "label": "X"}]}')
    spans = frozenset({Span(2, 3, "X")})
    assert read(file, NER) == [Example(TextInput("t u"), spans=spans)]


@pytest.mark.parametrize(
    ("config", "row", "problem"),
    [
        (SEQUENCE, "{", "not JSON"),
        (SEQUENCE, "[1]", "list instead of an object"),
        (SEQUENCE, '{"text": " ", "label": "a"}', "' ' is not a text"),
        (SEQUENCE, '{"text": "t", "text_pair": 3, "label": "a"}', "3 is not a text"),
        (SEQUENCE, '{"text": "a \\ud83d b", "label": "a"}', "half of a surrogate pair"),
        (SEQUENCE, '{"text": "t"}', "the row has no label"),
        (SEQUENCE, '{"text": "t", "label": ["a"]}', "gives a text one label; .*multi_label"),
        (MULTI, '{"text": "t", "label": "a"}', "several labels may hold, so write .'a'."),
        (SEQUENCE, '{"text": "t", "label": "c"}', "label 'c' is not one of the checkpoint's: a, b"),
        (ONE, '{"text": "t", "label": "ham"}', "checkpoint's: spam; write .. where it does not"),
        (ONE, '{"text": "t", "label": ["ham"]}', "label 'ham' is not one of"),
        (SEQUENCE, '{"text": "\udcff"}', "byte .* is not UTF-8"),
        (NER, '{"text": "t", "label": "X"}', "the row has no label"),
        (NER, '{"text": "t", "spans": [{"start": 0, "end": 2, "label": "X"}]}', "<= 1"),
        (NER, '{"text": "t", "spans": [7]}', "7 is not a span"),
        (NER, '{"text": "t", "spans": [{"start": 0, "end": 1, "label": "B-X"}]}', "not one .*: X"),
    ],
)
def test_a_bad_row_is_named_with_file_and_line(
    tmp_path: Path, config: ModelConfig, row: str, problem: str
) -> None:
    good = '{"text": "t", "label": "a"}'
    if config is not SEQUENCE:
        good = '{"text": "t", "label": [], "spans": []}'
    file = write(tmp_path, f"{good}\n{row}\n")
    with pytest.raises(DataError, match=f"rows.jsonl, line 2[:,] .*{problem}"):
        read(file, config)


def test_an_empty_or_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the file is empty"):
        read(write(tmp_path, "\n"), SEQUENCE)
    with pytest.raises(DataError, match="cannot be read: No such file"):
        read(tmp_path / "missing.jsonl", SEQUENCE)


def test_a_row_without_the_label_of_a_single_logit_is_a_negative_one(tmp_path: Path) -> None:
    rows = ('"spam"', '["spam"]', "[]", "null")
    file = write(tmp_path, "".join(f'{{"text": "t", "label": {label}}}\n' for label in rows))
    found = [example.labels for example in read(file, ONE)]
    assert found == [frozenset({"spam"}), frozenset({"spam"}), frozenset(), frozenset()]


def test_a_whole_number_is_the_label_of_that_name(tmp_path: Path) -> None:
    config = ModelConfig("B", "bert", "sequence-classification", "single_label", ("0", "1"), None)
    file = write(tmp_path, '{"text": "t", "label": 1}\n')
    assert read(file, config) == [Example(TextInput("t"), frozenset({"1"}))]


def test_every_row_with_a_label_of_another_checkpoint_is_named(tmp_path: Path) -> None:
    file = write(tmp_path, "".join(f'{{"text": "t", "label": "{c}"}}\n' for c in "axby"))
    with pytest.raises(DataError, match="2 rows cannot be used: column 'label' in lines 2, 4"):
        read(file, SEQUENCE)


def test_tables_and_columns_of_tokens_are_read_as_training_reads_them(tmp_path: Path) -> None:
    table = tmp_path / "rows.csv"
    table.write_text("label;text\na;t, u\n")
    assert read(table, SEQUENCE) == [Example(TextInput("t, u"), frozenset({"a"}))]
    tokens = tmp_path / "rows.conll"
    tokens.write_text("t O\nu B-X\n")
    spans = frozenset({Span(2, 3, "X")})
    assert read(tokens, NER) == [Example(TextInput("t u"), spans=spans)]


def test_rows_without_labels_are_inputs_of_a_comparison(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("text,label\none,\ntwo,a\n")
    inputs, examples = read_inputs(file, SEQUENCE, lambda _: None)
    assert inputs == [TextInput("two"), TextInput("one")]
    assert examples == [Example(TextInput("two"), frozenset({"a"}))]


SAVED = Path(__file__).parents[2] / "offline/readers/saved"


def test_files_of_other_people_are_read_as_training_reads_them(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_bytes("id;review;stars\n1;caf\xe9;a\n2;;b\n".encode("latin-1"))
    layout = Layout(text="review", label="stars", encoding="latin-1", on_bad_row="skip")
    said: list[str] = []
    (example,) = read_examples(file, SEQUENCE, said.append, layout)
    assert example == Example(TextInput("café"), frozenset({"a"}))
    assert [line.partition(": ")[2][:30] for line in said] == [
        "columns that are not read: id",
        "1 rows left out: column 'revie",
    ]


def test_a_saved_data_set_is_compared_as_it_is() -> None:
    config = replace(SEQUENCE, labels=("negative", "positive"))
    layout = Layout(text="sentence")
    inputs, examples = read_inputs(SAVED / "films/validation", config, lambda _: None, layout)
    assert [one.text for one in inputs] == ["the film was bad 100", "the film was good 101"]
    assert [one.labels for one in examples] == [{"negative"}, {"positive"}]
