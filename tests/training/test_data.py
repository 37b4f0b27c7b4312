"""Files and folders of data as a whole."""

import re
from pathlib import Path

import pytest

from offline.errors import DataError
from offline.readers.examples import Span
from offline.readers.layout import Layout
from training.data import check_classes, check_labels_known, read_corpus
from training.sources import Sources, find_sources

SEQUENCE, TOKEN = "sequence-classification", "token-classification"


def refuses(message: str):
    return pytest.raises(DataError, match=re.escape(message))


def test_a_byte_that_is_not_utf8_is_named_with_line_and_column(write):
    path = write("d.csv", b"text,label\ngood,a\nna\xefve,b\n")
    with refuses(f"{path}, line 3, column 3: byte 0xef is not UTF-8"):
        read_corpus(path, SEQUENCE)


@pytest.mark.parametrize("content", ["", "\n \n"])
def test_an_empty_file_is_refused(write, content):
    path = write("d.jsonl", content)
    with refuses(f"{path}: the file is empty"):
        read_corpus(path, SEQUENCE)


def test_a_header_without_rows_is_refused(write):
    with refuses("the file holds no rows"):
        read_corpus(write("d.csv", "text,label\n"), SEQUENCE)


def test_a_missing_file_is_refused(tmp_path):
    with refuses("none.csv: cannot be read: No such file"):
        read_corpus(tmp_path / "none.csv", SEQUENCE)


def test_an_unknown_extension_lists_the_known_ones(write):
    with refuses("unknown extension '.xlsx'; sequence-classification reads .csv, .tsv, .json"):
        read_corpus(write("d.xlsx", "x"), SEQUENCE)
    with refuses("unknown extension '.csv'; token-classification reads .conll"):
        read_corpus(write("d.csv", "x"), TOKEN)


def test_one_class_only_is_refused_with_the_class(write):
    corpus = read_corpus(write("d.csv", "text,label\none,a\ntwo,a\n"), SEQUENCE)
    with refuses(f"{corpus.file}, line 2, column 'label': one class only, 'a', in all 2 rows"):
        check_classes(corpus, SEQUENCE)


def test_a_token_file_without_entities_is_refused(write):
    with refuses("no entity in the whole file"):
        check_classes(read_corpus(write("d.conll", "a O\n"), TOKEN), TOKEN)


def test_an_evaluation_label_that_training_never_shows_is_named(write):
    train = read_corpus(write("train.csv", "text,label\none,a\ntwo,b\n"), SEQUENCE)
    other = read_corpus(write("eval.csv", "text,label\none,a\ntwo,c\n"), SEQUENCE)
    with refuses(f"{other.file}, line 3, column 'label': 'c' is not a label of the training data"):
        check_labels_known(other, train)


def test_training_and_evaluation_must_be_of_one_kind(write_rows):
    train = read_corpus(write_rows("train.jsonl", [{"text": "a", "label": ["x"]}]), SEQUENCE)
    other = read_corpus(write_rows("eval.jsonl", [{"text": "a", "label": "x"}]), SEQUENCE)
    with refuses("use one form in both"):
        check_labels_known(other, train)


def test_a_folder_gives_its_training_and_evaluation_file(write, tmp_path):
    train, test = write("train.csv", "x"), write("test.csv", "x")
    write("notes.md", "x")
    sources = find_sources(tmp_path, None)
    assert (sources.train, sources.evaluation) == (train, test)
    assert find_sources(tmp_path, train).evaluation == train
    assert find_sources(train, None).evaluation is None


def test_a_folder_with_competing_or_no_files_is_refused(write, tmp_path):
    with refuses("the folder has no file train.*"):
        find_sources(tmp_path, None)
    write("train.csv", "x")
    write("eval.csv", "x")
    write("test.csv", "x")
    with refuses("eval.csv and test.csv compete"):
        find_sources(tmp_path, None)


def test_rows_without_text_or_label_are_all_named_in_one_line(write):
    path = write("d.csv", "text,label\none,a\ntwo,\n,b\nthree, \n")
    with refuses(f"{path}: 3 rows cannot be used: column 'label' in lines 3, 5 (no label here"):
        read_corpus(path, SEQUENCE)
    with refuses("; column 'text' in line 4 ('' is not a text"):
        read_corpus(path, SEQUENCE)


def test_where_the_labels_are_in_another_column_the_columns_and_the_option_are_named(write):
    problem = "no column 'label'; say with --label-column NAME which it is; "
    with refuses(f"{problem}the columns are text, sentiment"):
        read_corpus(write("d.csv", "text,sentiment\none,a\n"), SEQUENCE)


def test_one_label_and_lists_of_labels_do_not_mix(write_rows):
    rows = [{"text": "one", "label": "a"}, {"text": "two", "label": ["a"]}]
    with refuses(", line 2, column 'label': ['a'] mixes"):
        read_corpus(write_rows("d.jsonl", rows), SEQUENCE)


def refuse_spans(write_rows, text, spans, message):
    rows = [{"text": text, "spans": [{"start": a, "end": b, "label": "PER"} for a, b in spans]}]
    with refuses(message):
        read_corpus(write_rows("d.jsonl", rows), TOKEN)


@pytest.mark.parametrize(("start", "end"), [(0, 3), (1, 4), (5, 7)])
def test_a_span_that_cuts_a_word_is_refused(write_rows, start, end):
    shown = f"span {start} to {end} {'Anna lives'[start:end]!r} cuts a word"
    refuse_spans(write_rows, "Anna lives", [(start, end)], f", line 1, column 'spans': {shown}")


def test_a_span_with_a_space_at_its_edge_is_refused(write_rows):
    message = ", line 1, column 'spans': span 0 to 5 'Anna ' begins or ends with a space"
    refuse_spans(write_rows, "Anna lives", [(0, 5)], message)


def test_overlapping_spans_are_both_named(write_rows):
    message = "column 'spans': 0 to 10 'Anna Smith' and 5 to 10 'Smith' overlap"
    refuse_spans(write_rows, "Anna Smith", [(5, 10), (0, 10)], message)


CUT = [
    {"text": "Anna lives", "spans": [{"start": 0, "end": 3, "label": "PER"}]},
    {"text": "in Paris", "spans": [{"start": 3, "end": 8, "label": "LOC"}]},
    {
        "text": "Anna Smith",
        "spans": [
            {"start": 0, "end": 10, "label": "PER"},
            {"start": 5, "end": 10, "label": "PER"},
        ],
    },
]


def test_spans_that_no_tags_can_say_are_refused_with_the_option_that_mends_them(write_rows):
    with refuses("2 rows cannot be used: column 'spans' in lines 1, 3 (span 0 to 3 'Ann' cuts a "):
        read_corpus(write_rows("d.jsonl", CUT), TOKEN)
    with refuses("(--on-bad-span snap does)"):
        read_corpus(write_rows("d.jsonl", CUT), TOKEN)


def test_spans_are_snapped_to_words_if_asked_and_counted(write_rows, caplog):
    path = write_rows("d.jsonl", CUT)
    corpus = read_corpus(path, TOKEN, Layout(on_bad_span="snap"))
    assert [one.spans for one in corpus.examples] == [
        (Span(0, 4, "PER"),),
        (Span(3, 8, "LOC"),),
        (Span(0, 10, "PER"),),
    ]
    assert caplog.messages == [
        f"{path}: 1 entities moved to the edges of the words that they cut, "
        "1 left out that overlap a longer one"
    ]


def test_texts_whose_spans_cut_words_are_left_out_if_asked_and_counted(write_rows, caplog):
    path = write_rows("d.jsonl", CUT)
    corpus = read_corpus(path, TOKEN, Layout(on_bad_span="skip"))
    assert [one.text for one in corpus.examples] == ["in Paris"]
    (said,) = caplog.messages
    assert said.startswith(f"{path}: 2 rows left out: column 'spans' in lines 1, 3 (span 0 to 3")


def test_skipping_bad_spans_skips_no_other_faults(write_rows):
    path = write_rows("d.jsonl", [*CUT, {"text": "", "spans": []}])
    with refuses("line 4, column 'text'"):
        read_corpus(path, TOKEN, Layout(on_bad_span="skip"))


def test_faults_of_the_whole_name_the_columns_as_the_file_does(write):
    layout = Layout(text="review", label="stars")
    corpus = read_corpus(write("d.csv", "review,stars\none,1\ntwo,1\n"), SEQUENCE, layout)
    with refuses("line 2, column 'stars': one class only, '1'"):
        check_classes(corpus, SEQUENCE)


SAVED = Path(__file__).parents[1] / "offline/readers/saved"


def test_a_saved_data_set_gives_its_splits_and_validation_goes_before_test():
    films = SAVED / "films"
    assert find_sources(films, None) == Sources(films / "train", films / "validation")
    assert find_sources(films, films / "test").evaluation == films / "test"
    assert find_sources(films / "train", None) == Sources(films / "train", None)


def test_a_saved_data_set_without_a_training_split_is_refused(tmp_path):
    (tmp_path / "dataset_dict.json").write_text('{"splits": ["a", "b"]}')
    with refuses("the data set has no split train among a, b; name one as the folder"):
        find_sources(tmp_path, None)
