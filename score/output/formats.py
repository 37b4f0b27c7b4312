"""Writes parts in the format of the output, and joins them."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic_core import to_json

from app.bundle.base import Task
from score.errors import ScoreError

OutputRow = dict[str, Any]
_LABEL = pa.struct([("label", pa.string()), ("score", pa.float64())])
_ENTITY = pa.struct(
    [
        ("entity_group", pa.string()),
        ("score", pa.float64()),
        ("word", pa.string()),
        ("start", pa.int64()),
        ("end", pa.int64()),
    ]
)


class OutputFormat(Protocol):
    """One format of parts and output."""

    @property
    def ending(self) -> str: ...

    def write(self, rows: Sequence[OutputRow], file: BinaryIO) -> None: ...

    def join(self, parts: Sequence[Path], file: BinaryIO) -> None:
        """Write all parts, in their order, as one file; memory does not grow with them."""
        ...


class JsonLinesFormat:
    """An object a line, in UTF-8."""

    ending = ".jsonl"

    def write(self, rows: Sequence[OutputRow], file: BinaryIO) -> None:
        file.writelines(to_json(row) + b"\n" for row in rows)

    def join(self, parts: Sequence[Path], file: BinaryIO) -> None:
        for part in parts:
            with part.open("rb") as source:
                shutil.copyfileobj(source, file)


class ParquetFormat:
    """A table with a row group a part.

    Args:
        id_type: of the id column; None without one.
    """

    ending = ".parquet"

    def __init__(self, task: Task, id_type: pa.DataType | None) -> None:
        columns = {"row": pa.int64()} | ({} if id_type is None else {"id": id_type})
        self._schema = pa.schema([*pa.schema(columns), *answer_schema(task)])

    def write(self, rows: Sequence[OutputRow], file: BinaryIO) -> None:
        with pq.ParquetWriter(file, self._schema) as writer:
            writer.write_table(pa.Table.from_pylist(list(rows), self._schema))

    def join(self, parts: Sequence[Path], file: BinaryIO) -> None:
        with pq.ParquetWriter(file, self._schema) as writer:
            for part in parts:
                writer.write_table(pq.read_table(part, schema=self._schema))


def answer_schema(task: Task) -> pa.Schema:
    """Return the columns of an answer, without those that tell whose it is."""
    found = ("entities", pa.list_(_ENTITY))
    if task == "sequence-classification":
        found = ("labels", pa.list_(_LABEL))
    return pa.schema(
        [
            ("tokens", pa.int64()),
            ("windows", pa.int64()),
            ("truncated", pa.bool_()),
            found,
            ("error", pa.string()),
        ]
    )


def find_format(out: Path, task: Task, id_type: pa.DataType | None) -> OutputFormat:
    """Return the format of an output by the end of its name; raise ScoreError without one."""
    ending = check_ending(out)
    return ParquetFormat(task, id_type) if ending == ".parquet" else JsonLinesFormat()


def check_ending(out: Path) -> str:
    """Return the end of an output's name; raise ScoreError if no format is called so."""
    ending = out.suffix.lower()
    if ending not in (".jsonl", ".ndjson", ".parquet"):
        raise ScoreError(f"--out {out} ends in {ending or 'nothing'}; name a .jsonl or .parquet")
    return ending
