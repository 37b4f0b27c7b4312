"""A table is answered as the file of the same rows is."""

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from score.options import read_options
from score.tables import TableScorer
from tests.score.support import Score

TEXTS = ["a good film", "", "angela merkel met john smith in paris", None, "bad"]


@pytest.mark.parametrize("model", ["mood", "names"])
def test_a_table_has_the_answers_that_the_command_writes_of_it(
    score: Score, model: str, tiny_store: Path, tmp_path: Path
) -> None:
    table = pa.table({"key": [f"k{n}" for n in range(len(TEXTS))], "text": TEXTS})
    pq.write_table(table, tmp_path / "in.parquet")
    given = ["--model", model, "--store", os.fspath(tiny_store), "--id-column", "key"]
    score(tmp_path / "in.parquet", "--out", tmp_path / "out.parquet", *given)

    answered = TableScorer(read_options(["in", "--out", "out", *given])).answer(table)

    written = pq.read_table(tmp_path / "out.parquet")
    assert answered.rename_columns({"key": "id"}).equals(written.drop_columns(["row"]))
    assert answered.column("error").null_count == 3
