"""The recipe for Spark gives what `classmark score` writes."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from score.__main__ import main
from tests.support.environments import python_with
from tests.support.texts import random_texts

ROOT = Path(__file__).parents[2]
# Reads rows and arguments, and prints an answer a line.
PROGRAM = """
import json, sys
from pyspark.sql import SparkSession
from spark_score import score
spark = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").getOrCreate()
rows = spark.read.schema("id string, text string").json(sys.argv[1]).repartition(4)
for line in score(rows, sys.argv[2:]).toJSON().collect():
    print(line)
"""
SECONDS = 300

pytestmark = [
    pytest.mark.fleet,
    pytest.mark.skipif(
        shutil.which("java") is None, reason="no Java: apt install default-jre-headless"
    ),
]


def test_spark_gives_the_same_answers(demo_store: Path, tmp_path: Path) -> None:
    python = python_with(Path(__file__).with_name("environments") / "spark.txt")
    rows = [{"id": f"{n}", "text": text} for n, text in enumerate(random_texts(300, 5))]
    source, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    given = ["--model", "sentiment", "--version", "1", "--store", os.fspath(demo_store)]
    given += ["--id-column", "id"]
    variables = {
        "PYTHONPATH": f"{ROOT / 'docs/recipes'}{os.pathsep}{ROOT}",
        "PYSPARK_PYTHON": os.fspath(python),
        "SPARK_LOCAL_IP": "127.0.0.1",
    }
    done = subprocess.run(
        [python, "-c", PROGRAM, source, *given], env=os.environ | variables,
        capture_output=True, text=True, timeout=SECONDS, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert main([os.fspath(source), "--out", os.fspath(out), *given]) == 0
    found = [json.loads(line) for line in done.stdout.splitlines()]
    expected = [json.loads(line) for line in out.read_text().splitlines()]
    for row in expected:
        del row["row"]
    assert sorted(found, key=by_id) == sorted(expected, key=by_id)


def by_id(row: dict[str, object]) -> str:
    return str(row["id"])
