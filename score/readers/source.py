"""Opens an input by the end of its name."""

from pathlib import Path

from score.errors import ScoreError
from score.options import Columns
from score.readers.json_lines import JsonLines
from score.readers.parquet import Parquet
from score.readers.rows import Source
from score.readers.tables import Table
from score.readers.text_file import TextFile

TABLES = (".csv", ".tsv")
JSON_LINES = (".jsonl", ".ndjson", ".json")
PARQUET = (".parquet",)


def open_source(path: Path, columns: Columns, encoding: str) -> Source:
    """Return the reader of a file; raise ScoreError if there is none, or no such file."""
    if not path.is_file():
        raise ScoreError(f"{path} is not a file; name the input")
    ending = path.suffix.lower()
    if ending in PARQUET:
        return Parquet(path, columns)
    file = TextFile(path, encoding)
    if ending in TABLES:
        return Table(file, columns)
    if ending in JSON_LINES:
        return JsonLines(file, columns)
    known = ", ".join((*TABLES, *JSON_LINES, *PARQUET))
    raise ScoreError(f"{path} ends in {ending or 'nothing'}, and what is read ends in {known}")
