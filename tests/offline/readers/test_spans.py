"""Reader of JSON-lines spans."""

import re
from pathlib import Path
from typing import Any

import pytest

from offline.errors import DataError
from offline.readers.examples import Span, Unlabelled
from offline.readers.files import read_file

TASK = "token-classification"


def read(path: Path) -> tuple[Any, ...]:
    return read_file(path, TASK, lambda _, row: row, lambda _: None)


def span(start: object, end: object, label: object = "PER") -> dict[str, object]:
    return {"start": start, "end": end, "label": label}


@pytest.fixture
def fail(write_rows):
    def check(rows: list[dict[str, object]], message: str) -> None:
        path = write_rows("d.jsonl", rows)
        with pytest.raises(DataError, match=re.escape(f"{path}{message}")):
            read(path)

    return check


def test_spans_count_code_points_and_come_back_sorted(write_rows):
    row = {"text": "😀 Anna in 北京", "spans": [span(10, 12, "LOC"), span(2, 6)]}
    (example,) = read(write_rows("d.jsonl", [row]))
    assert example.spans == (Span(2, 6, "PER"), Span(10, 12, "LOC"))
    assert [example.text[s.start : s.end] for s in example.spans] == ["Anna", "北京"]


def test_a_script_without_spaces_may_be_cut_anywhere(write_rows):
    row = {"text": "我们在北京", "spans": [span(3, 5, "LOC")]}
    assert read(write_rows("d.jsonl", [row]))[0].labels == ("LOC",)


@pytest.mark.parametrize(
    ("start", "end"), [(0, 99), (-1, 2), (3, 3), (4, 2), ("0", 4), (0, 4.0), (True, 4), (None, 4)]
)
def test_a_span_out_of_the_text_is_named_with_its_offsets(fail, start, end):
    rows = [{"text": "Anna", "spans": []}, {"text": "Anna lives", "spans": [span(start, end)]}]
    fail(rows, f", line 2, column 'spans': span {start!r} to {end!r} is out of the text")


def test_a_row_without_spans_is_unlabelled(write_rows):
    rows = [{"text": "Anna"}, {"text": "Anna", "spans": None}]
    assert read(write_rows("d.jsonl", rows)) == tuple(Unlabelled("Anna", None, n) for n in (1, 2))


def test_spans_may_overlap_and_cut_words_unless_they_become_tags(write_rows):
    rows = [{"text": "Anna Smith", "spans": [span(0, 10), span(0, 3)]}]
    assert len(read(write_rows("d.jsonl", rows))[0].spans) == 2


def test_a_span_without_an_end_is_named(fail):
    fail(
        [{"text": "Anna", "spans": [{"start": 0, "stop": 4, "label": "PER"}]}],
        ", line 1, column 'spans.end': {'start': 0, 'stop': 4, 'label': 'PER'} has no end",
    )


def test_values_of_a_wrong_kind_are_named(fail):
    fail([{"text": " ", "spans": []}], ", line 1, column 'text': ' ' is not a text")
    fail([{"text": "Anna", "spans": [3]}], ", line 1, column 'spans': 3 is not a span")
    fail([{"text": "Anna", "spans": [span(0, 4, "")]}], ", line 1, column 'spans.label': ''")
