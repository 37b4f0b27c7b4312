"""Tables as other people and their spreadsheets write them."""

import re

import pytest

from offline.errors import DataError
from offline.readers.examples import TextExample, Unlabelled

EXPORTED = (
    '\ufeff"Nr";"Kommentar";"Urteil"\r\n'
    '1;"Sehr gut;\nimmer wieder";gut\r\n2;Nie wieder;schlecht\r\n'
)


def test_columns_are_found_under_the_names_that_the_file_gives_them(write, reading):
    path = write("d.csv", "id,review,second,sentiment,stars\n1,Great,fun,good,5\n")
    rows = reading.texts(path, text="review", text_pair="second", label="sentiment")
    assert rows == (TextExample("Great", "good", "fun", line=2),)
    assert reading.notices == [f"{path}: columns that are not read: id, stars"]


def test_a_column_of_our_name_is_not_read_where_another_one_is_named(write, reading):
    path = write("d.csv", "text,review,label\nwrong,right,a\n")
    assert reading.texts(path, text="review") == (TextExample("right", "a", line=2),)
    assert reading.notices == [f"{path}: columns that are not read: text"]


def test_a_spreadsheets_semicolons_marks_and_line_breaks_in_cells_are_read(write, reading):
    rows = reading.texts(write("d.csv", EXPORTED), text="Kommentar", label="Urteil")
    assert rows == (
        TextExample("Sehr gut;\nimmer wieder", "gut", line=2),
        TextExample("Nie wieder", "schlecht", line=4),
    )


def test_the_unicode_text_of_a_spreadsheet_is_read_whatever_the_encoding(write, reading):
    raw = "text\tlabel\r\nnaïve 好\ta\r\n".encode("utf-16")
    assert reading.texts(write("d.csv", raw)) == (TextExample("naïve 好", "a", line=2),)


def test_the_hint_of_the_separator_and_rows_without_a_character_are_no_rows(write, reading):
    path = write("d.csv", "sep=;\r\ntext;label;\r\none;a;\r\n;;\r\n;;\r\n")
    assert reading.texts(path) == (TextExample("one", "a", line=3),)


def test_a_document_longer_than_pythons_limit_of_a_cell_is_read(write, reading):
    document = "word " * 40_000
    (row,) = reading.texts(write("d.csv", f"text,label\n{document},a\n"))
    assert row.text == document


def test_all_faults_of_a_header_are_said_at_once_with_the_options_that_mend_them(write, reading):
    path = write("d.csv", "sentence,sentiment,other,other\none,a,b,c\n")
    with pytest.raises(DataError) as caught:
        reading.texts(path, "text", "label", text_pair="other")
    assert str(caught.value) == (
        f"{path}, line 1: there is no column 'text', there is no column 'label', "
        "the column 'other' occurs 2 times; keep one; "
        "say with --text-column NAME and --label-column NAME which it is; "
        "the columns are sentence, sentiment, other, other"
    )


@pytest.mark.parametrize("name", ["d.csv", "d.jsonl", "d.json"])
def test_a_column_that_was_named_must_be_there(write, reading, name):
    content = "text,label\none,a\n" if name == "d.csv" else '{"text": "one", "label": "a"}\n'
    message = "there is no column 'revew'; say with --text-column NAME which it is"
    with pytest.raises(DataError, match=message):
        reading.texts(write(name, content), text="revew")


def test_of_many_columns_the_first_are_named_and_the_rest_counted(write, reading):
    header = ",".join(f"c{i}" for i in range(500))
    with pytest.raises(DataError, match=r"c18, c19 and 480 more$"):
        reading.texts(write("d.csv", f"{header}\n{header}\n"))


def test_faults_of_rows_name_the_columns_as_the_file_does(write, reading):
    path = write("d.csv", "review,label\n,a\n")
    with pytest.raises(DataError, match=re.escape(f"{path}, line 2, column 'review': ''")):
        reading.texts(path, text="review")


def test_rows_that_cannot_be_used_are_left_out_if_asked_and_said_with_their_lines(write, reading):
    path = write("d.csv", "text,label\none,a\n,b\ntwo,b,c\nthree,\n")
    rows = reading.texts(path, on_bad_row="skip")
    assert rows == (TextExample("one", "a", line=2), Unlabelled("three", None, 5))
    (notice,) = reading.notices
    assert notice.startswith(f"{path}: 2 rows left out: column 'text' in line 3 ('' is not a text")
    assert "; the row in line 4 (3 cells under 2 columns" in notice


def test_a_file_whose_rows_are_all_left_out_is_refused(write, reading):
    with pytest.raises(DataError, match="the file holds no rows that can be used"):
        reading.texts(write("d.csv", "text,label\n,a\n"), on_bad_row="skip")


@pytest.mark.parametrize(
    ("column", "flag"), [("label", "--label-column"), ("text_pair", "--text-pair-column")]
)
def test_a_column_that_may_be_missing_must_be_there_once_it_was_named(write, reading, column, flag):
    message = f"there is no column 'other'; say with {flag} NAME which it is"
    with pytest.raises(DataError, match=message):
        reading.texts(write("d.csv", "text\none\n"), **{column: "other"})
