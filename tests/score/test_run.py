"""A file comes out as it went in: every row once and in order, whatever stopped the run."""

import fcntl
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.conftest import WriteRows
from tests.score.support import CHUNK_ROWS, Score, answers, killed

WORDS = (
    "the",
    "film",
    "was",
    "good",
    "bad",
    "angela",
    "merkel",
    "visited",
    "paris",
    "in",
    "berlin",
)
PLACES = {
    "before the first part": "parts.Parts.write = die",
    "in the middle of a part": "def half(self, rows, file):\n"
    "    file.write(b'half a')\n    file.flush()\n    die()\n"
    "formats.JsonLinesFormat.write = formats.ParquetFormat.write = half",
    "after two parts": "write, n = parts.Parts.write, [0]\n"
    "def third(*a):\n    n[0] += 1\n    die() if n[0] == 3 else write(*a)\n"
    "parts.Parts.write = third",
    "in the middle of the join": "parts.shutil.copyfileobj = die\nformats.pq.read_table = die",
    "after the join": "parts.shutil.rmtree = lambda path, **k: None if k else die()",
}


def sentences(count: int) -> list[dict[str, Any]]:
    """Return rows of many lengths; one is empty."""
    rows = [
        {"id": f"n{i}", "text": " ".join(WORDS[(i * 7 + j) % len(WORDS)] for j in range(i % 23))}
        for i in range(count)
    ]
    return [row for row in rows if row["text"] or row["id"] == "n23"]


@pytest.fixture
def source(write_rows: WriteRows) -> Path:
    return write_rows("in.jsonl", sentences(5 * CHUNK_ROWS))


def command(source: Path, out: Path, store: Path, model: str = "mood") -> list[object]:
    return [source, "--model", model, "--store", store, "--out", out, "--id-column", "id"]


@pytest.mark.parametrize("model", ["mood", "names"])
def test_rows_come_out_once_and_in_order_with_what_the_api_answers(
    score: Score, model: str, source: Path, tiny_store: Path, tmp_path: Path
) -> None:
    code, said = score(*command(source, tmp_path / "out.jsonl", tiny_store, model))
    assert code == 3, said
    assert "1 rows have an `error`" in said
    rows = answers(tmp_path / "out.jsonl")
    given = [json.loads(line) for line in source.read_text().splitlines()]
    assert [row["row"] for row in rows] == list(range(len(given)))
    assert [row["id"] for row in rows] == [row["id"] for row in given]
    for row, asked in zip(rows, given, strict=True):
        if not asked["text"]:
            assert row.keys() == {"row", "id", "error"}
        elif model == "mood":
            assert len(row["labels"]) == 3
        else:
            for found in row["entities"]:
                assert asked["text"][found["start"] : found["end"]] == found["word"]
    assert not (tmp_path / "out.jsonl.parts").exists()


@pytest.mark.parametrize("model", ["mood", "names"])
def test_parquet_holds_the_same_as_json_lines(
    score: Score, model: str, source: Path, tiny_store: Path, tmp_path: Path
) -> None:
    score(*command(source, tmp_path / "out.jsonl", tiny_store, model))
    score(*command(source, tmp_path / "out.parquet", tiny_store, model))
    table = pq.read_table(tmp_path / "out.parquet").to_pylist()
    bare = [{k: v for k, v in row.items() if v is not None} for row in table]
    assert bare == answers(tmp_path / "out.jsonl")


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
@pytest.mark.parametrize("place", PLACES)
def test_a_killed_run_goes_on_to_the_output_of_an_undisturbed_one(
    score: Score, place: str, ending: str, source: Path, tiny_store: Path, tmp_path: Path
) -> None:
    undisturbed, out = tmp_path / f"a.{ending}", tmp_path / f"b.{ending}"
    score(*command(source, undisturbed, tiny_store))
    died = killed(*command(source, out, tiny_store), before=PLACES[place])
    assert died.returncode == -9, died.stderr
    if place != "after the join":
        assert not out.exists()
        code, said = score(*command(source, out, tiny_store))
        assert code == 3, said
    assert out.read_bytes() == undisturbed.read_bytes()
    if place == "after two parts":
        left = len(source.read_text().splitlines()) - 2 * CHUNK_ROWS
        assert f"answered {left} rows" in said
    assert not out.with_name(f"{out.name}.parts").exists()


@pytest.mark.parametrize(
    ("option", "named"),
    [
        (["--threshold", "0.5"], "threshold None"),
        (["--top-k", "1"], "top_k None"),
        (["--version", "1"], "model 'mood/2'"),
        (["--long-text", "error"], "long_text None"),
        (["--text-column", "id"], "text_column 'text'"),
        (["--encoding", "cp1252"], "encoding 'utf-8'"),
    ],
)
def test_a_run_with_other_options_than_its_parts_is_refused_by_name(
    score: Score, option: list[str], named: str, source: Path, tiny_store: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.jsonl"
    killed(*command(source, out, tiny_store), before=PLACES["after two parts"])
    code, said = score(*command(source, out, tiny_store), *option)
    assert code == 2
    assert named in said


def test_a_run_on_a_changed_input_is_refused(
    score: Score, source: Path, tiny_store: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.jsonl"
    killed(*command(source, out, tiny_store), before=PLACES["after two parts"])
    source.write_text(source.read_text() + '{"text": "new"}\n')
    code, said = score(*command(source, out, tiny_store))
    assert code == 2
    assert "input_" in said


def test_a_second_run_beside_the_first_is_refused(
    score: Score, source: Path, tiny_store: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.jsonl"
    folder = tmp_path / "out.jsonl.parts"
    folder.mkdir()
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        code, said = score(*command(source, out, tiny_store))
    assert code == 2
    assert "another run writes" in said


def test_an_output_that_exists_is_not_written_over(
    score: Score, source: Path, tiny_store: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.jsonl"
    out.write_text("mine")
    assert score(*command(source, out, tiny_store))[0] == 2
    assert out.read_text() == "mine"


def test_with_on_error_fail_the_first_bad_row_ends_the_run_and_is_named(
    score: Score, source: Path, tiny_store: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.jsonl"
    code, said = score(*command(source, out, tiny_store), "--on-error", "fail")
    assert code == 1
    empty = next(i for i, line in enumerate(source.read_text().splitlines()) if '""' in line)
    assert f"row {empty}: the text is empty" in said
    assert not out.exists()
    assert score(*command(source, out, tiny_store))[0] == 3


def test_an_input_without_rows_makes_an_output_without_rows(
    score: Score, write_rows: WriteRows, tiny_store: Path, tmp_path: Path
) -> None:
    source = write_rows("in.jsonl", [])
    for name in ("out.jsonl", "out.parquet"):
        code, said = score(*command(source, tmp_path / name, tiny_store))
        assert code == 0, said
    assert answers(tmp_path / "out.jsonl") == []
    assert pq.read_table(tmp_path / "out.parquet").num_rows == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--model", "nobody"], "has no model 'nobody'; there are: mood, names"),
        (["--version", "9"], "no version 9; there are: 2, 1"),
        (["--out", "out.csv"], "name a .jsonl or .parquet"),
        (["--store", "no/store"], "no/store is not a folder"),
        (["--model", "names", "--top-k", "1"], "--top-k is for labels"),
        (["--aggregation-strategy", "max"], "--aggregation-strategy is for entities"),
        (["--url", "http://127.0.0.1:9", "--version", "1"], "--version is of a store"),
        (["--url", "http://127.0.0.1:9"], "cannot be asked for its models"),
        (["--threshold", "2"], "must be a number from 0 to 1"),
        (["--top-k", "0"], "must be a whole number from 1 on"),
    ],
)
def test_options_that_cannot_work_are_refused_with_the_remedy(
    score: Score,
    options: list[str],
    said: str,
    source: Path,
    tiny_store: Path,
    tmp_path: Path,
) -> None:
    code, err = score(*command(source, tmp_path / "out.jsonl", tiny_store), *options)
    assert code == 2
    assert said in err
