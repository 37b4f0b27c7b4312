"""Data sets as the library `datasets` 5.2.0 left them in `saved/`: save_to_disk and to_parquet."""

import shutil
import sys
from pathlib import Path

import pytest

from offline.errors import DataError
from offline.readers.datasets import splits
from offline.readers.examples import Span, Unlabelled

SAVED = Path(__file__).parent / "saved"


@pytest.mark.parametrize("name", ["films/train", "films.parquet"])
def test_rows_come_in_order_with_the_names_of_their_classes(reading, name):
    rows = reading.texts(SAVED / name, text="sentence")
    assert [row.label for row in rows] == ["negative", "positive"] * 3
    assert [row.text for row in rows[:2]] == ["the film was bad 0", "the film was good 1"]
    assert [row.line for row in rows] == [1, 2, 3, 4, 5, 6]
    assert reading.notices == [f"{SAVED / name}: columns that are not read: id"]


def test_the_librarys_mark_of_no_label_is_none(reading):
    assert reading.texts(SAVED / "films/test", text="sentence") == (
        Unlabelled("unlabelled", None, 1),
    )


def test_words_with_numbered_tags_become_texts_with_entities(reading):
    first, second = reading.entities(SAVED / "names", text="tokens", label="ner_tags")
    assert first.text == "Anna Smith lives in Paris"
    assert first.spans == (Span(0, 10, "PER"), Span(20, 25, "LOC"))
    assert second.spans == (Span(0, 4, "LOC"),)


def test_all_shards_are_read_in_the_order_that_the_data_set_notes(reading, tmp_path):
    folder = tmp_path / "two"
    shutil.copytree(SAVED / "films/train", folder)
    shutil.copy(SAVED / "films/validation/data-00000-of-00001.arrow", folder / "second.arrow")
    state = (folder / "state.json").read_text()
    one = '"filename": "data-00000-of-00001.arrow"'
    assert one in state
    noted = state.replace(
        "{\n      " + one, '{\n      "filename": "second.arrow"\n    },\n    {' + one
    )
    (folder / "state.json").write_text(noted)
    texts = [row.text for row in reading.texts(folder, text="sentence")]
    assert texts[0] == "the film was bad 100"
    assert len(texts) == 8


def test_a_folder_of_splits_is_known_and_asks_for_one_of_them(reading):
    assert splits(SAVED / "films") == ["train", "validation", "test"]
    assert splits(SAVED / "names") is None
    with pytest.raises(DataError, match=r"splits train, validation, test; name one: .*films/train"):
        reading.texts(SAVED / "films")


def test_columns_that_are_missing_are_named_with_those_that_are_there(reading):
    message = "there is no column 'text'; say with --text-column NAME which it is; the columns are "
    with pytest.raises(DataError, match=f"{message}id, sentence, label"):
        reading.texts(SAVED / "films/train")


def test_a_folder_or_file_of_another_kind_is_refused(reading, tmp_path, write):
    with pytest.raises(DataError, match=r"has no state.json, so it is no data set"):
        reading.texts(tmp_path)
    with pytest.raises(DataError, match=r"d.parquet: cannot be read: "):
        reading.texts(write("d.parquet", "text,label\n"))


def test_without_pyarrow_the_message_names_the_extra(reading, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(DataError, match="takes pyarrow, which the extra `train` has"):
        reading.texts(SAVED / "films/train", text="sentence")
