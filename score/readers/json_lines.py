"""Reads JSON lines: an object a line."""

import json
from collections.abc import Iterator
from typing import Any

from score.readers.rows import Row, make_row
from score.readers.text_file import TextReader


class JsonLines(TextReader):
    """Objects whose keys are the columns."""

    def rows(self) -> Iterator[Row]:
        with self._file.open() as stream:
            filled = (line for line in iter(stream.readline, "") if line.strip())
            for number, line in enumerate(filled):
                yield self._row(number, line)

    def _row(self, number: int, line: str) -> Row:
        try:
            found = json.loads(line)
        except (ValueError, RecursionError) as exc:
            fault = f"the line is not JSON ({str(exc)[:100]}); write one object a line"
            return Row(number, None, "", None, fault)
        columns = self._columns
        if not isinstance(found, dict):
            fault = f"the line is of type {type(found).__name__}; write one object a line"
            return Row(number, None, "", None, fault)
        if columns.text not in found:
            fault = f"the object has no key {columns.text!r}; name the text's by --text-column"
            return Row(number, _as_text(found.get(columns.id)), "", None, fault)
        pair = None if columns.text_pair is None else found.get(columns.text_pair)
        return make_row(number, _as_text(found.get(columns.id)), found[columns.text], pair)


def _as_text(identity: Any) -> str | None:
    """Return an id as text, so that all ids of a file are of one type."""
    if identity is None or isinstance(identity, str):
        return identity
    return json.dumps(identity)
