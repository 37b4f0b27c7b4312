"""Reader of CoNLL columns."""

import re
from pathlib import Path
from typing import Any

import pytest

from offline.errors import DataError
from offline.readers.examples import Span
from offline.readers.files import read_file

TASK = "token-classification"


def read(path: Path) -> tuple[Any, ...]:
    return read_file(path, TASK, lambda _, row: row, lambda _: None)


def fail(path: Path, message: str) -> None:
    with pytest.raises(DataError, match=re.escape(f"{path}{message}")):
        read(path)


def test_tokens_become_a_text_and_tags_become_spans_of_it(write):
    path = write("d.conll", "Anna\tB-PER\nSmith\tI-PER\nlives\tO\n\nin\tO\nParis\tB-LOC\n")
    first, second = read(path)
    assert (first.text, first.spans) == ("Anna Smith lives", (Span(0, 10, "PER"),))
    assert (second.text, second.spans) == ("in Paris", (Span(3, 8, "LOC"),))


def test_the_first_of_many_columns_is_the_token_and_the_last_its_tag(write):
    path = write("d.txt", "-DOCSTART- -X- O O\n\nAnna NNP I-NP B-PER\nruns VB I-VP O\n")
    (example,) = read(path)
    assert (example.text, example.spans) == ("Anna runs", (Span(0, 4, "PER"),))


def test_a_line_of_only_separators_ends_a_sentence(write):
    assert len(read(write("d.tsv", "a\tO\n\t\nb\tO\n"))) == 2


def test_entities_side_by_side_stay_apart(write):
    (example,) = read(write("d.bio", "Rome B-LOC\nParis B-LOC\n"))
    assert example.spans == (Span(0, 4, "LOC"), Span(5, 10, "LOC"))


def test_bioes_and_bmes_tags_say_the_same_as_bio(write):
    text = "北 B-LOC\n京 E-LOC\n我 S-PER\n们 O\n"
    (example,) = read(write("d.conll", text))
    assert (example.text, example.spans) == ("北京我们", (Span(0, 2, "LOC"), Span(2, 3, "PER")))


def test_a_line_with_another_number_of_columns_is_named(write):
    fail(write("d.conll", "Anna B-PER\nSmith\n"), ", line 2, column 1: 1 columns, expected 2")
    fail(write("d.conll", "Anna NN B-PER\nSmith O\n"), ", line 2, column 2: 2 columns, expected 3")
    fail(write("d.conll", "Anna\n"), ", line 1, column 1: 1 columns, expected 2 or more")


def test_a_tag_that_is_none_is_named_with_its_value(write):
    fail(write("d.conll", "Anna PER\n"), ", line 1, column 2: 'PER' is not a tag")
    fail(write("d.conll", "Anna B-\n"), ", line 1, column 2: 'B-' is not a tag")
    fail(write("d.conll", "Anna X-PER\n"), ", line 1, column 2: 'X-PER' is not a tag")


@pytest.mark.parametrize("before", ["", "in O\n", "Rome B-LOC\n", "Rome S-PER\n", "Rome B-PER\n\n"])
def test_an_inside_tag_that_continues_no_entity_is_refused(write, before):
    line = before.count("\n") + 1
    fail(
        write("d.conll", f"{before}Anna I-PER\n"), f", line {line}, column 2: 'I-PER' continues no"
    )


def test_an_empty_token_is_refused(write):
    fail(write("d.conll", "Anna\tO\n\tO\n"), ", line 2, column 1: the token is empty")
