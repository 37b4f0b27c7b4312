"""Ray Data scores many files on two nodes of this machine, whoever is killed meanwhile."""

import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from score.__main__ import main
from score.options import BAD_ROWS
from tests.deployment.prometheus import wait_until
from tests.fleet.on_ray.control import cluster
from tests.support.tiny import WORDS

pytestmark = pytest.mark.fleet

FILES, ROWS = 6, 500
SECONDS = 300  # for the first parts of a job
MODEL = ["--model", "sentiment", "--version", "1", "--id-column", "key"]


def make_rows(seed: int) -> pa.Table:
    """Return rows of texts of all lengths, some of which cannot be answered."""
    draw = random.Random(seed)
    texts = [" ".join(draw.choices(WORDS, k=draw.randrange(1, 60))) for _ in range(ROWS)]
    texts[seed] = ""
    return pa.table({"key": [f"{seed}-{n}" for n in range(ROWS)], "text": texts})


def parts(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.parquet"))


def rows_by_id(tables: list[pa.Table], identity: str) -> list[dict[str, object]]:
    """Return all rows but for their numbers in the file, in the order of their ids."""
    rows = [row for table in tables for row in table.to_pylist()]
    named = [{"id": row.pop(identity)} | row for row in rows]
    return sorted(({k: v for k, v in row.items() if k != "row"} for row in named), key=by_id)


def by_id(row: dict[str, object]) -> str:
    return str(row["id"])


def test_every_row_is_scored_once_whoever_is_killed(
    ray_python: Path, demo_store: Path, tmp_path: Path
) -> None:
    tables = [make_rows(seed) for seed in range(FILES)]
    (tmp_path / "in").mkdir()
    for number, table in enumerate(tables):
        pq.write_table(table, tmp_path / "in" / f"{number}.parquet")
    out = tmp_path / "out"
    job = ["-m", "classmark_ray.score", "--in", str(tmp_path / "in"), "--out", str(out)]
    job += ["--actors", "2", "--block-bytes", "15000", "--store", str(demo_store), *MODEL]
    with cluster(ray_python, nodes=2, cpus=3) as nodes:
        killed = nodes.start_driver(*job)
        assert wait_until(lambda: len(parts(out)) >= 3, SECONDS), killed.log()
        killed.kill()
        first = len(parts(out))

        second = nodes.start_driver(*job)
        assert wait_until(lambda: len(parts(out)) >= first + 3, SECONDS), second.log()
        assert second.runs, "killed too late to show anything"
        nodes.tell("kill node1")
        second.finish()
        written = parts(out)

        nodes.drive(*job)
        assert parts(out) == written, "a run that has ended writes nothing again"

    found = rows_by_id([pq.read_table(part) for part in written], "key")
    assert [row["id"] for row in found] == sorted(k for t in tables for k in t["key"].to_pylist())
    assert found == alone(tables, demo_store, tmp_path)


def alone(tables: list[pa.Table], store: Path, folder: Path) -> list[dict[str, object]]:
    """Return what `classmark score` writes of the same rows in one file."""
    pq.write_table(pa.concat_tables(tables), folder / "all.parquet")
    one = folder / "one.parquet"
    given = [folder / "all.parquet", "--out", one, "--store", store, *MODEL]
    assert main([str(word) for word in given]) == BAD_ROWS
    return rows_by_id([pq.read_table(one)], "id")
