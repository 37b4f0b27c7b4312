"""Reads Parquet, a few rows at a time."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from score.errors import ScoreError
from score.options import Columns
from score.readers.rows import Row, check_columns, make_row

BATCH_ROWS = 1024


class Parquet:
    """The wanted columns of a Parquet file.

    Raises:
        ScoreError: it is none, or lacks a column.
    """

    def __init__(self, path: Path, columns: Columns) -> None:
        self._path = path
        self._columns = columns
        self._read = 0
        try:
            self._file = pq.ParquetFile(path, memory_map=True, pre_buffer=False)
        except (OSError, pa.ArrowException) as exc:
            raise ScoreError(f"{path} cannot be read as Parquet: {str(exc)[:300]}") from exc
        schema = self._file.schema_arrow
        if problem := check_columns(columns.names, schema.names):
            raise ScoreError(f"{path}: {problem}")
        self.id_type = pa.string() if columns.id is None else schema.field(columns.id).type

    @property
    def share(self) -> float:
        return self._read / max(1, int(self._file.metadata.num_rows))

    def rows(self) -> Iterator[Row]:
        columns = self._columns
        names = list(dict.fromkeys(columns.names))
        try:
            batches = self._file.iter_batches(BATCH_ROWS, columns=names, use_threads=False)
            for batch in batches:
                values = {name: batch.column(name).to_pylist() for name in names}
                nothing = [None] * batch.num_rows
                texts = values[columns.text]
                pairs = nothing if columns.text_pair is None else values[columns.text_pair]
                ids = nothing if columns.id is None else values[columns.id]
                for text, pair, identity in zip(texts, pairs, ids, strict=True):
                    yield make_row(self._read, identity, text, pair)
                    self._read += 1
        except (OSError, UnicodeError, pa.ArrowException) as exc:
            raise ScoreError(
                f"{self._path} cannot be read from row {self._read} on: {str(exc)[:300]}"
            ) from exc
