"""Encodings, and bytes that are broken."""

import argparse
import re

import pytest

from offline.errors import DataError
from offline.readers.options import add_layout_options, layout_of

BROKEN = b"text,label\none,a\nna\xefve,b\ntwo,a\ncaf\xe9,b\n"


def test_two_broken_bytes_are_named_with_their_lines_and_both_remedies(write, reading):
    path = write("d.csv", BROKEN)
    with pytest.raises(DataError) as caught:
        reading.texts(path)
    assert str(caught.value) == (
        f"{path}, line 3, column 3: byte 0xef is not UTF-8; 2 lines have such bytes (lines 3, 5); "
        "name the file's encoding (--encoding cp1252, gb18030, ...), or, if only some bytes are "
        "broken, put U+FFFD in their place (--on-bad-bytes replace)"
    )


def test_broken_bytes_are_replaced_if_asked_and_said_with_their_lines(write, reading):
    path = write("d.csv", BROKEN)
    rows = reading.texts(path, on_bad_bytes="replace")
    assert [row.text for row in rows] == ["one", "na\ufffdve", "two", "caf\ufffd"]
    message = "what is not UTF-8 was replaced by U+FFFD in 2 of 6 lines: lines 3, 5"
    assert reading.notices == [f"{path}: {message}"]


@pytest.mark.parametrize(
    ("encoding", "text"), [("cp1252", "naïve – “café”"), ("gb18030", "房间很大"), ("utf-16", "好")]
)
@pytest.mark.parametrize("name", ["d.csv", "d.jsonl", "d.conll"])
def test_any_encoding_that_python_knows_is_read_in_every_format(
    write, reading, name, encoding, text
):
    content = {
        "d.csv": f"text,label\n{text},a\n",
        "d.jsonl": f'{{"text": "{text}", "label": "a"}}\n',
        "d.conll": "".join(f"{word}\tO\n" for word in text.split()),
    }[name]
    path = write(name, content.encode(encoding))
    read = reading.entities if name == "d.conll" else reading.texts
    assert read(path, encoding=encoding)[0].text == text


def options(*arguments):
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_layout_options(parser, tags=True)
    return layout_of(parser.parse_args(arguments))


def test_the_options_say_how_a_file_is_read():
    layout = options("--text-column", "a", "--label-column", "b", "--on-bad-span", "snap")
    assert (layout.text, layout.label, layout.text_pair) == ("a", "b", None)
    assert (layout.encoding, layout.on_bad_bytes, layout.on_bad_span) == ("utf-8", "fail", "snap")


@pytest.mark.parametrize("name", ["utf-88", "base64"])
def test_an_encoding_that_python_does_not_know_is_refused_with_examples(name):
    message = re.escape(f"Python knows no encoding {name!r} of texts; it knows utf-8, cp1252")
    with pytest.raises(argparse.ArgumentError, match=message):
        options("--encoding", name)
