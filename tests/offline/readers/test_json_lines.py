"""JSON in files that end in .json."""

import json

import pytest

from offline.errors import DataError

ROWS = [{"text": "one", "label": "a"}, {"text": "two", "label": "b"}]


@pytest.mark.parametrize("indent", [None, 2])
def test_lines_and_an_array_are_read_alike(write, write_rows, reading, indent):
    expected = reading.texts(write_rows("lines.json", ROWS))
    found = reading.texts(write("array.json", json.dumps(ROWS, indent=indent)))
    assert [row.as_row() for row in found] == [row.as_row() for row in expected] == ROWS


def test_a_fault_in_an_array_is_named(write, reading):
    with pytest.raises(DataError, match=r"array.json, line 2: list instead of an object"):
        reading.texts(write("array.json", '[{"text": "one"}, []]'))
    with pytest.raises(DataError, match=r"array.json, line 1: not JSON that can be read"):
        reading.texts(write("array.json", '[{"text": "one"}'))
