"""Evaluation files: every row that cannot be used is named with file and line."""

from pathlib import Path

import pytest

from app.engine.text.encoding import TextInput
from export.checkpoint.config import ModelConfig
from export.errors import DataError
from export.reference.examples import Example, Span, read_examples

SEQUENCE = ModelConfig("B", "bert", "sequence-classification", "single_label", ("a", "b"), None)
MULTI = ModelConfig("B", "bert", "sequence-classification", "multi_label", ("a", "b"), None)
NER = ModelConfig("B", "bert", "token-classification", "single_label", ("O", "B-X", "I-X"), "BIO")


def write(path: Path, content: str) -> Path:
    file = path / "rows.jsonl"
    file.write_bytes(content.encode("utf-8", errors="surrogateescape"))
    return file


def test_rows_of_each_kind_are_read(tmp_path: Path) -> None:
    file = write(tmp_path, '{"text": "t", "text_pair": "p", "label": "a"}\n\n')
    assert read_examples(file, SEQUENCE) == [Example(TextInput("t", "p"), frozenset({"a"}))]
    file = write(tmp_path, '{"text": "t", "label": []}\n')
    assert read_examples(file, MULTI) == [Example(TextInput("t"))]
    file = write(tmp_path, '{"text": "t u", "spans": [{"start": 2, "end": 3, "label": "X"}]}')
    spans = frozenset({Span(2, 3, "X")})
    assert read_examples(file, NER) == [Example(TextInput("t u"), spans=spans)]


@pytest.mark.parametrize(
    ("config", "row", "problem"),
    [
        (SEQUENCE, "{", "not JSON"),
        (SEQUENCE, "[1]", "one JSON object a line"),
        (SEQUENCE, '{"text": " ", "label": "a"}', "text is ' '"),
        (SEQUENCE, '{"text": "t", "text_pair": 3, "label": "a"}', "text_pair is 3"),
        (SEQUENCE, '{"text": "t"}', "label is None; this checkpoint needs one label"),
        (SEQUENCE, '{"text": "t", "label": ["a"]}', "needs one label"),
        (MULTI, '{"text": "t", "label": "a"}', "needs a list of labels"),
        (SEQUENCE, '{"text": "t", "label": "c"}', "label 'c' is not one of the checkpoint's: a, b"),
        (SEQUENCE, '{"text": "\udcff"}', "byte .* is not UTF-8"),
        (NER, '{"text": "t", "label": "X"}', "spans is None"),
        (NER, '{"text": "t", "spans": [{"start": 0, "end": 2, "label": "X"}]}', "1 characters"),
        (NER, '{"text": "t", "spans": [7]}', "span 7 does not lie"),
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
    with pytest.raises(DataError, match=f"rows.jsonl, line 2: .*{problem}"):
        read_examples(file, config)


def test_an_empty_or_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no rows"):
        read_examples(write(tmp_path, "\n"), SEQUENCE)
    with pytest.raises(DataError, match="cannot be read: No such file"):
        read_examples(tmp_path / "missing.jsonl", SEQUENCE)
