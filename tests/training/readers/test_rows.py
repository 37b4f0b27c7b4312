"""Readers of labelled texts."""

import re
from pathlib import Path

import pytest

from training.errors import DataError
from training.readers.data import read_corpus
from training.readers.examples import TextExample

TASK = "sequence-classification"


def fail(path: Path, message: str) -> None:
    with pytest.raises(DataError, match=re.escape(f"{path}{message}")):
        read_corpus(path, TASK)


def test_csv_keeps_quoted_commas_and_line_breaks(write):
    path = write("d.csv", 'text,label\n"one, two\nthree",a\nfour,b\n')
    examples = read_corpus(path, TASK).examples
    assert examples[0] == TextExample("one, two\nthree", "a", line=2)
    assert examples[1] == TextExample("four", "b", line=4)


def test_csv_columns_may_stand_in_any_order_after_a_byte_order_mark(write):
    path = write("d.csv", "\ufefflabel,text_pair,text\na,second,first\nb,fourth,third\n")
    assert read_corpus(path, TASK).examples[0] == TextExample("first", "a", "second", line=2)


def test_tsv_and_json_lines_give_the_same_examples_as_csv(write, write_rows):
    rows = [{"text": "one", "label": "a"}, {"text": "two", "label": "b"}]
    csv = read_corpus(write("d.csv", "text,label\none,a\ntwo,b\n"), TASK).examples
    tsv = read_corpus(write("d.tsv", "text\tlabel\none\ta\ntwo\tb\n"), TASK).examples
    jsonl = read_corpus(write_rows("d.jsonl", rows), TASK).examples
    assert [e.as_row() for e in csv] == [e.as_row() for e in tsv] == rows
    assert [e.as_row() for e in jsonl] == rows


def test_a_list_of_labels_makes_the_corpus_multi_label(write_rows):
    rows = [{"text": "one", "label": ["b", "a"]}, {"text": "two", "label": []}]
    corpus = read_corpus(write_rows("d.jsonl", rows), TASK)
    assert corpus.is_multi_label
    assert corpus.examples[0].labels == ("a", "b")
    assert corpus.examples[1].as_row() == {"text": "two", "label": []}


def test_a_whole_number_is_a_label(write_rows):
    corpus = read_corpus(write_rows("d.jsonl", [{"text": "one", "label": 1}]), TASK)
    assert corpus.labels == ["1"]


def test_an_unknown_column_is_named_with_its_line(write, write_rows):
    fail(write("d.csv", "text,sentiment\none,a\n"), ", line 1, column 'sentiment': unknown column")
    fail(write_rows("d.jsonl", [{"text": "a", "labels": "b"}]), ", line 1, column 'labels'")


def test_a_missing_column_is_named(write, write_rows):
    fail(write("d.tsv", "text\none\n"), ", line 1, column 'label': the column is missing")
    good = {"text": "one", "label": "a"}
    fail(write_rows("d.jsonl", [good, {"text": "two"}]), ", line 2, column 'label'")


def test_a_column_given_twice_is_refused(write):
    fail(write("d.csv", "text,label,text\na,b,c\n"), ", line 1, column 'text': the column occurs 2")


def test_an_empty_label_is_named_with_the_line_its_row_begins_in(write, write_rows):
    fail(write("d.csv", 'text,label\n"a\nb",x\nc, \n'), ", line 4, column 'label': ' ' is not")
    rows = [{"text": "one", "label": "a"}, {"text": "two", "label": ""}]
    fail(write_rows("d.jsonl", rows), ", line 2, column 'label': '' is not a label")
    rows = [{"text": "one", "label": ["a", ""]}]
    fail(write_rows("d.jsonl", rows), ", line 1, column 'label': '' is not a label")


def test_an_empty_text_is_named(write, write_rows):
    fail(write("d.csv", "text,label\n,a\n"), ", line 2, column 'text': '' is not a text")
    rows = [{"text": "one", "text_pair": " ", "label": "a"}]
    fail(write_rows("d.jsonl", rows), ", line 1, column 'text_pair'")


def test_a_row_with_other_cells_than_columns_is_named(write):
    fail(write("d.csv", "text,label\none,two,a\n"), ", line 2, column 3: 3 cells under 2 columns")
    fail(write("d.tsv", "text\tlabel\none\n"), ", line 2, column 2: 1 cells under 2 columns")


def test_an_unclosed_quote_is_refused(write):
    fail(write("d.csv", 'text,label\n"one,a\n'), ", line 2: not a valid table")


def test_one_label_and_lists_of_labels_do_not_mix(write_rows):
    rows = [{"text": "one", "label": "a"}, {"text": "two", "label": ["a"]}]
    fail(write_rows("d.jsonl", rows), ", line 2, column 'label': ['a'] mixes")


def test_a_label_listed_twice_is_refused(write_rows):
    fail(write_rows("d.jsonl", [{"text": "one", "label": ["a", "a"]}]), ", line 1, column 'label'")


def test_a_line_that_is_no_json_object_is_named(write):
    fail(write("d.jsonl", '{"text": "one", "label": "a"}\n{"text": }\n'), ", line 2, column 10")
    fail(write("d.jsonl", "[1]\n"), ", line 1: list instead of an object")
