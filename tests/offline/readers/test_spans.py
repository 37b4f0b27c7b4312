"""Reader of JSON-lines spans."""

import re
from pathlib import Path
from typing import Any

import pytest

from offline.errors import DataError
from offline.readers.examples import Span, TaggedExample, Unlabelled
from offline.readers.files import read_file
from offline.readers.spans import snap_to_words

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


def test_a_span_may_be_a_list_of_start_end_and_label(write_rows, reading):
    rows = [{"text": "Anna lives", "label": [[0, 4, "PER"]]}]
    (example,) = reading.entities(write_rows("d.jsonl", rows), label="label")
    assert example.spans == (Span(0, 4, "PER"),)


def test_words_with_a_list_of_tags_become_a_text_with_entities(write_rows, reading):
    row = {"words": ["Anna", "Smith", "lives"], "tags": ["B-PER", "I-PER", "O"]}
    (example,) = reading.entities(write_rows("d.jsonl", [row]), text="words", label="tags")
    assert (example.text, example.spans) == ("Anna Smith lives", (Span(0, 10, "PER"),))
    path = write_rows("d.jsonl", [row | {"tags": ["O"]}])
    with pytest.raises(DataError, match="column 'tags': 1 tags for 3 words"):
        reading.entities(path, text="words", label="tags")


NAMES = ("Anna", "Bo", "Smith", "X", "Rome", "Paris")


def named(last: int) -> list[dict[str, object]]:
    """Return texts that begin with a name; `last` is its end less its length."""
    return [{"text": f"{n} lives", "spans": [span(0, len(n) + last)]} for n in NAMES]


def test_ends_that_are_included_are_recognised_by_the_whole_file_and_said(write_rows, reading):
    path = write_rows("d.jsonl", named(last=-1))
    found = [row.text[s.start : s.end] for row in reading.entities(path) for s in row.spans]
    assert found == list(NAMES)
    (notice,) = reading.notices
    assert notice.startswith(f"{path}: entities end with their last character here, as 6 of them")


def test_ends_stay_where_as_many_show_the_contrary(write_rows, reading):
    rows = named(last=0) + [row for row in named(last=-1) if row["text"] != "X lives"]
    found = [row.spans[0].end for row in reading.entities(write_rows("d.jsonl", rows))]
    assert found == [*map(len, NAMES), 3, 1, 4, 3, 4]
    assert reading.notices == []


def test_few_cut_words_are_no_sign_of_included_ends(write_rows, reading):
    rows = named(last=-1)[:3]
    assert [row.spans[0].end for row in reading.entities(write_rows("d.jsonl", rows))] == [3, 1, 4]


@pytest.mark.parametrize(
    ("given", "snapped"),
    [((0, 3), (0, 4)), ((1, 4), (0, 4)), ((0, 5), (0, 4)), ((5, 7), (5, 10)), ((2, 7), (0, 10))],
)
def test_a_span_that_cuts_words_is_moved_to_their_edges(given, snapped):
    example = TaggedExample("Anna lives", (Span(*given, "PER"),))
    assert snap_to_words(example) == (TaggedExample("Anna lives", (Span(*snapped, "PER"),)), 1, 0)


def test_of_spans_that_overlap_the_longer_stays():
    spans = (Span(0, 10, "PER"), Span(5, 10, "LOC"), Span(11, 16, "LOC"))
    kept, moved, dropped = snap_to_words(TaggedExample("Anna Smith lives", spans))
    assert (kept.spans, moved, dropped) == ((spans[0], spans[2]), 0, 1)
