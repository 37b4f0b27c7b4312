"""Entities by span: read from tags, compared with those that people marked."""

import pytest

from offline.readers.examples import Span
from training.tasks.entities import find_spans, macro_f1, score_entities


def test_spans_run_from_the_first_tag_to_the_last_without_the_blank_before_a_word():
    text = "北京 Microsoft 公司"
    ranges = [(0, 1), (1, 2), (2, 12), (12, 13), (13, 15)]
    tags = ["B-LOC", "I-LOC", "B-ORG", "O", "I-ORG"]
    assert find_spans(text, tags, ranges) == {
        Span(0, 2, "LOC"),
        Span(3, 12, "ORG"),
        Span(13, 15, "ORG"),
    }


def test_an_entity_counts_only_with_its_exact_ends_and_label():
    truth = [{Span(0, 2, "LOC"), Span(5, 8, "PER")}, {Span(0, 1, "LOC")}]
    found = [{Span(0, 2, "LOC"), Span(5, 7, "PER")}, {Span(0, 1, "ORG")}]
    by_label = score_entities(truth, found)
    assert by_label["LOC"] == {
        "precision": 1.0, "recall": 0.5, "f1": pytest.approx(2 / 3), "support": 2,
    }  # fmt: skip
    assert by_label["PER"]["f1"] == by_label["ORG"]["f1"] == 0.0
    assert macro_f1(by_label) == pytest.approx(2 / 9)


def test_nothing_marked_and_nothing_found_is_no_score():
    by_label = score_entities([set()], [set()])
    assert (by_label, macro_f1(by_label)) == ({}, 0.0)
