"""Reader of JSON-lines spans."""

import re

import pytest

from training.errors import DataError
from training.readers.data import read_corpus
from training.readers.examples import Span

TASK = "token-classification"


def span(start: object, end: object, label: object = "PER") -> dict[str, object]:
    return {"start": start, "end": end, "label": label}


@pytest.fixture
def fail(write_rows):
    def check(rows: list[dict[str, object]], message: str) -> None:
        path = write_rows("d.jsonl", rows)
        with pytest.raises(DataError, match=re.escape(f"{path}{message}")):
            read_corpus(path, TASK)

    return check


def test_spans_count_code_points_and_come_back_sorted(write_rows):
    row = {"text": "😀 Anna in 北京", "spans": [span(10, 12, "LOC"), span(2, 6)]}
    (example,) = read_corpus(write_rows("d.jsonl", [row]), TASK).examples
    assert example.spans == (Span(2, 6, "PER"), Span(10, 12, "LOC"))
    assert [example.text[s.start : s.end] for s in example.spans] == ["Anna", "北京"]


def test_a_script_without_spaces_may_be_cut_anywhere(write_rows):
    row = {"text": "我们在北京", "spans": [span(3, 5, "LOC")]}
    assert read_corpus(write_rows("d.jsonl", [row]), TASK).labels == ["LOC"]


@pytest.mark.parametrize(
    ("start", "end"), [(0, 99), (-1, 2), (3, 3), (4, 2), ("0", 4), (0, 4.0), (True, 4), (None, 4)]
)
def test_a_span_out_of_the_text_is_named_with_its_offsets(fail, start, end):
    rows = [{"text": "Anna", "spans": []}, {"text": "Anna lives", "spans": [span(start, end)]}]
    fail(rows, f", line 2, column 'spans': span {start!r} to {end!r} is out of the text")


@pytest.mark.parametrize(("start", "end"), [(0, 3), (1, 4), (5, 7)])
def test_a_span_that_cuts_a_word_is_refused(fail, start, end):
    fail(
        [{"text": "Anna lives", "spans": [span(start, end)]}],
        f", line 1, column 'spans': span {start} to {end} {'Anna lives'[start:end]!r} cuts a word",
    )


def test_a_span_with_a_space_at_its_edge_is_refused(fail):
    fail(
        [{"text": "Anna lives", "spans": [span(0, 5)]}],
        ", line 1, column 'spans': span 0 to 5 'Anna ' begins or ends with a space",
    )


def test_overlapping_spans_are_both_named(fail):
    fail(
        [{"text": "Anna Smith", "spans": [span(5, 10), span(0, 10)]}],
        ", line 1, column 'spans': 0 to 10 'Anna Smith' and 5 to 10 'Smith' overlap",
    )


def test_unknown_and_missing_columns_are_named(fail):
    fail([{"text": "Anna"}], ", line 1, column 'spans': the column is missing")
    fail([{"text": "Anna", "entities": []}], ", line 1, column 'entities': unknown column")
    fail(
        [{"text": "Anna", "spans": [{"start": 0, "stop": 4, "label": "PER"}]}],
        ", line 1, column 'spans.stop': unknown column",
    )


def test_values_of_a_wrong_kind_are_named(fail):
    fail([{"text": " ", "spans": []}], ", line 1, column 'text': ' ' is not a text")
    fail([{"text": "Anna", "spans": None}], ", line 1, column 'spans': None is not a list")
    fail([{"text": "Anna", "spans": [3]}], ", line 1, column 'spans': 3 is not a span")
    fail([{"text": "Anna", "spans": [span(0, 4, "")]}], ", line 1, column 'spans.label': ''")
