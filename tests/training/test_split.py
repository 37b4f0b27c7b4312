"""Division into training and evaluation parts."""

from collections import Counter
from pathlib import Path

import pytest

from offline.errors import DataError
from offline.readers.examples import Corpus, Span, TaggedExample, TextExample
from offline.readers.layout import Layout
from training.data import read_data
from training.errors import SettingError
from training.sources import Sources
from training.split import deduplicate, divide, make_split, sample

FILE = Path("d.csv")


def corpus(**counts: int) -> Corpus:
    rows = [TextExample(f"{name} {i}", name) for name, n in counts.items() for i in range(n)]
    return Corpus(FILE, tuple(rows))


def read(train: Path, evaluation: Path):
    return read_data(Sources(train, evaluation), "sequence-classification", Layout())


def cut(data: Corpus, fraction: float = 0.2, seed: int = 0, limit: int | None = None):
    return divide(data, None, eval_fraction=fraction, seed=seed, limit=limit)


def test_no_text_stands_in_both_parts_even_if_written_otherwise():
    texts = [f"Text {i % 30}" if i < 60 else f"text  {i % 30} " for i in range(90)]
    rows = tuple(TextExample(text, "ab"[i % 30 % 2]) for i, text in enumerate(texts))
    split = cut(Corpus(FILE, rows))
    keys = [example.key for example in (*split.train, *split.evaluation)]
    assert len(keys) == len(set(keys)) == 30
    assert split.duplicates == 60


def test_texts_that_stand_under_different_labels_are_dropped_altogether():
    rows = [TextExample("One", "a"), TextExample("one", "b"), TextExample("two", "a")]
    unique, duplicates, contradictions = deduplicate(rows)
    assert [example.text for example in unique] == ["two"]
    assert (duplicates, contradictions) == (0, 2)


def test_the_same_text_with_another_pair_is_no_duplicate():
    rows = [TextExample("one", "a", "x"), TextExample("one", "b", "y")]
    assert deduplicate(rows) == (rows, 0, 0)


def test_every_class_has_its_share_in_both_parts():
    split = cut(corpus(a=100, b=50, c=10))
    assert Counter(e.label for e in split.evaluation) == {"a": 20, "b": 10, "c": 2}


def test_sentences_are_stratified_by_the_types_they_hold():
    tagged = [TaggedExample(f"Anna {i}", (Span(0, 4, "PER"),)) for i in range(20)]
    plain = [TaggedExample(f"nothing {i}", ()) for i in range(80)]
    both = [TaggedExample("Anna x", (Span(0, 4, "PER"), Span(5, 6, "LOC")))]
    split = cut(Corpus(FILE, (*tagged, *plain, *both)))
    assert sum(bool(example.spans) for example in split.evaluation) in (4, 5)


def test_the_seed_fixes_the_draw_and_another_seed_changes_it():
    data = corpus(a=50, b=50)
    assert cut(data, seed=1) == cut(data, seed=1)
    assert cut(data, seed=1).evaluation != cut(data, seed=2).evaluation


def test_the_limit_bounds_both_parts_in_proportion_and_says_how_many_rows_it_left_out():
    data = corpus(a=80, b=20)
    limited = cut(data, fraction=0.5, limit=40)
    for part in (limited.train, limited.evaluation):
        assert Counter(e.label for e in part) == {"a": 32, "b": 8}
    assert limited.left_out() == ["20 rows beyond --limit"]
    assert len(sample(list(data.examples), 3, 0)) == 3


def test_an_evaluation_part_within_the_limit_stays_whole():
    data = corpus(a=80, b=20)
    assert cut(data, limit=40).evaluation == cut(data).evaluation


def test_a_class_of_one_row_is_refused_with_its_name():
    with pytest.raises(DataError, match="label 'c' has one row without duplicates"):
        cut(corpus(a=9, b=9, c=1))


def test_an_evaluation_part_smaller_than_the_classes_is_refused():
    with pytest.raises(SettingError, match="2 rows cannot show 3 classes"):
        cut(corpus(a=5, b=5, c=5), fraction=0.1)


def test_rows_of_a_given_evaluation_file_leave_the_training_part(write):
    data = write("train.csv", "text,label\none,a\ntwo,b\nthree,a\nONE,a\n")
    given = write("eval.csv", "text,label\n one ,a\nfour,b\n")
    split = make_split(read(data, given), eval_fraction=0.1, seed=0)
    assert [example.text for example in split.train] == ["two", "three"]
    assert [example.text.strip() for example in split.evaluation] == ["one", "four"]
    assert split.duplicates == 2


def test_a_training_file_that_the_evaluation_file_covers_is_refused(write):
    data = write("train.csv", "text,label\none,a\ntwo,b\n")
    with pytest.raises(DataError, match="0 rows to train on and 2 to evaluate on"):
        make_split(read(data, data), eval_fraction=0.1, seed=0)
