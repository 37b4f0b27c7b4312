"""Scores a column of a Spark DataFrame: one model a Python worker, no service.

Every worker's Python has Classmark with the extra `score`, and reaches the model store.
"""

import os
from collections.abc import Callable, Iterator

import pyarrow as pa
from pyspark.sql import DataFrame

from score.options import read_options
from score.tables import TableScorer

# Of a model that finds entities, `labels` is `entities array<struct<entity_group: string,
# score: double, word: string, start: long, end: long>>`.
ANSWER = (
    "tokens long, windows long, truncated boolean, "
    "labels array<struct<label: string, score: double>>, error string"
)
Batches = Iterator[pa.RecordBatch]


def score(rows: DataFrame, arguments: list[str], identity: str = "id string") -> DataFrame:
    """Return an answer for each row, with its id.

    Args:
        arguments: as for `classmark score`, such as `--model reviews --version 3 --store /models
            --id-column id`; the version is named, so that every worker loads the same.
        identity: name and type of the id column.
    """
    return rows.mapInArrow(answers(arguments), f"{identity}, {ANSWER}")


def answers(arguments: list[str]) -> Callable[[Batches], Batches]:
    """Return what Spark runs in its workers."""

    def answer(batches: Batches) -> Batches:
        os.environ["CLASSMARK_EXECUTORS"] = "1"  # Spark has a worker for each core
        scorer = TableScorer(read_options(["rows", "--out", "answers", *arguments]))
        for batch in batches:
            yield from scorer.answer(pa.Table.from_batches([batch])).to_batches()

    return answer
