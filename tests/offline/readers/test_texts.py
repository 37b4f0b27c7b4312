"""Readers of labelled texts."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from offline.errors import DataError
from offline.readers.examples import TextExample, Unlabelled
from offline.readers.files import read_file

TASK = "sequence-classification"


def read(path: Path) -> tuple[Any, ...]:
    return read_file(path, TASK, lambda _, row: row, lambda _: None)


def fail(path: Path, message: str) -> None:
    with pytest.raises(DataError, match=re.escape(f"{path}{message}")):
        read(path)


def test_csv_keeps_quoted_commas_and_line_breaks(write):
    path = write("d.csv", 'text,label\n"one, two\nthree",a\nfour,b\n')
    examples = read(path)
    assert examples[0] == TextExample("one, two\nthree", "a", line=2)
    assert examples[1] == TextExample("four", "b", line=4)


def test_csv_columns_may_stand_in_any_order_after_a_byte_order_mark(write):
    path = write("d.csv", "\ufefflabel,text_pair,text\na,second,first\nb,fourth,third\n")
    assert read(path)[0] == TextExample("first", "a", "second", line=2)


def test_tsv_and_json_lines_give_the_same_examples_as_csv(write, write_rows):
    rows = [{"text": "one", "label": "a"}, {"text": "two", "label": "b"}]
    csv = read(write("d.csv", "text,label\none,a\ntwo,b\n"))
    tsv = read(write("d.tsv", "text\tlabel\none\ta\ntwo\tb\n"))
    jsonl = read(write_rows("d.jsonl", rows))
    assert [e.as_row() for e in csv] == [e.as_row() for e in tsv] == rows
    assert [e.as_row() for e in jsonl] == rows


def test_a_list_of_labels_stays_a_list_and_may_be_empty(write_rows):
    rows = [{"text": "one", "label": ["b", "a"]}, {"text": "two", "label": []}]
    examples = read(write_rows("d.jsonl", rows))
    assert examples[0].labels == ("a", "b")
    assert examples[1].as_row() == {"text": "two", "label": []}


def test_a_whole_number_is_a_label(write_rows):
    (example,) = read(write_rows("d.jsonl", [{"text": "one", "label": 1}]))
    assert example.label == "1"


def test_columns_that_nothing_reads_are_named_once(write, write_rows):
    told: list[str] = []
    rows = [{"text": "one", "label": "a", "id": i} for i in range(3)]
    for path in (write_rows("d.jsonl", rows), write("d.csv", "id,text,label\n1,one,a\n")):
        read_file(path, TASK, lambda _, row: row, told.append)
    assert [line.partition(": ")[2] for line in told] == ["columns that are not read: id"] * 2


def test_a_table_without_texts_is_refused_with_the_columns_that_it_has(write):
    message = ", line 1: there is no column 'text'; say with --text-column NAME which it is; "
    message += "the columns are words, sentiment"
    fail(write("d.tsv", "words\tsentiment\none\ta\n"), message)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("extension", ["csv", "tsv"])
def test_the_header_shows_the_separator(write, separator, extension):
    rows = [["label", "text"], ["a", f'"one{separator} two, three; four"']]
    path = write(f"d.{extension}", "".join(separator.join(row) + "\n" for row in rows))
    assert read(path) == (TextExample(f"one{separator} two, three; four", "a", line=2),)


def test_a_row_without_a_label_is_unlabelled(write, write_rows):
    table = read(write("d.csv", 'text,label\n"a\nb",x\nc, \n'))
    assert table[1] == Unlabelled("c", None, 4)
    lines = read(write_rows("d.jsonl", [{"text": "c"}, {"text": "c", "label": None}]))
    assert lines == (Unlabelled("c", None, 1), Unlabelled("c", None, 2))
    rows = [{"text": "one", "label": ["a", ""]}]
    fail(write_rows("d.jsonl", rows), ", line 1, column 'label': '' is not a label")


def test_all_rows_that_cannot_be_used_are_named_in_one_line_by_column(write):
    path = write("d.csv", "text,label\none,a\n,b\ntwo,c,d\n ,e\n")
    with pytest.raises(DataError) as caught:
        read(path)
    (line,) = str(caught.value).splitlines()
    assert line.startswith(f"{path}: 3 rows cannot be used: column 'text' in lines 3, 5 ('' is not")
    assert "; the row in line 4 (3 cells under 2 columns" in line


def test_of_thousands_of_lines_the_first_are_named_and_the_rest_counted(write):
    with pytest.raises(DataError) as caught:
        read(write("d.csv", "text,label\n" + ",a\n" * 5000))
    assert "5000 rows cannot be used: column 'text' in lines 2, 3, 4, " in str(caught.value)
    assert ", 21 and 4980 more ('' is not" in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("column", ["text", "text_pair", "label"])
def test_half_of_a_surrogate_pair_is_named_with_its_line(write, column):
    row = {"text": "one", "text_pair": "two", "label": "a", column: "b \ud83d c"}
    message = f", line 1, column '{column}': U+D83D at character 3 is half of a surrogate pair"
    fail(write("d.jsonl", json.dumps(row)), message)


@pytest.mark.parametrize("line", ["[" * 100_000, '{"text": "a", "label": ' + "9" * 5000 + "}"])
def test_json_that_python_cannot_hold_is_named_with_its_line(write, line):
    fail(write("d.jsonl", f"{line}\n"), ", line 1: not JSON that can be read")


def test_a_column_given_twice_is_refused(write):
    fail(write("d.csv", "text,label,text\na,b,c\n"), ", line 1: the column 'text' occurs 2 times")


def test_an_empty_text_is_named(write, write_rows):
    fail(write("d.csv", "text,label\n,a\n"), ", line 2, column 'text': '' is not a text")
    rows = [{"text": "one", "text_pair": " ", "label": "a"}]
    fail(write_rows("d.jsonl", rows), ", line 1, column 'text_pair'")


def test_a_row_with_other_cells_than_columns_is_named(write):
    fail(write("d.csv", "text,label\none,two,a\n"), ", line 2, column 3: 3 cells under 2 columns")
    fail(write("d.tsv", "text\tlabel\none\n"), ", line 2, column 2: 1 cells under 2 columns")


def test_an_unclosed_quote_is_refused(write):
    fail(write("d.csv", 'text,label\n"one,a\n'), ", line 2: not a valid table")


def test_a_label_listed_twice_is_refused(write_rows):
    fail(write_rows("d.jsonl", [{"text": "one", "label": ["a", "a"]}]), ", line 1, column 'label'")


def test_a_line_that_is_no_json_object_is_named(write):
    fail(write("d.jsonl", '{"text": "one", "label": "a"}\n{"text": }\n'), ", line 2, column 10")
    fail(write("d.jsonl", "[1]\n"), ", line 1: list instead of an object")
