"""Every format and encoding gives the same rows; what cannot be read is its row's fault alone."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from score.errors import ScoreError
from score.options import Columns
from score.readers import rows as rows_module
from score.readers.rows import Row, cut
from score.readers.source import open_source
from tests.conftest import Write, WriteRows

COLUMNS = Columns(text="body", text_pair="reply", id="key")


def read(path: Path, columns: Columns = COLUMNS, encoding: str = "utf-8") -> list[Row]:
    return list(open_source(path, columns, encoding).rows())


def texts(rows: list[Row]) -> list[str]:
    return [row.text for row in rows]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "key,other,body,reply\n7,x,good film,yes\n8,x,bad,\n"),
        ("a.csv", "key;other;body;reply\r\n7;x;good film;yes\r\n\r\n8;x;bad;\r\n"),
        ("a.csv", '\ufeffkey,body,reply\n7,"good film",yes\n8,bad,\n'),
        ("a.tsv", "body\treply\tkey\ngood film\tyes\t7\nbad\t\t8\n"),
        ("a.jsonl", '{"body":"good film","reply":"yes","key":7}\n\n{"key":"8","body":"bad"}\n'),
        ("a.json", '{"body":"good film","reply":"yes","key":7,"n":{}}\n{"key":8,"body":"bad"}'),
    ],
)
def test_text_files_give_rows_by_the_names_of_their_columns(
    name: str, content: str, write: Write
) -> None:
    assert read(write(name, content)) == [Row(0, "7", "good film", "yes"), Row(1, "8", "bad")]


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int8(), "utf8")])
def test_parquet_gives_rows_and_keeps_the_type_of_the_id(kind: pa.DataType, tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    columns = {
        "body": pa.array(["good film", "bad"]).cast(kind),
        "reply": pa.array(["yes", None]),
        "key": pa.array([7, 8], pa.int32()),
    }
    pq.write_table(pa.table(columns), path)
    assert read(path) == [Row(0, 7, "good film", "yes"), Row(1, 8, "bad")]
    assert open_source(path, COLUMNS, "utf-8").id_type == pa.int32()


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("utf-8", "naïve 🎬 电影"),
        ("utf-8-sig", "naïve 🎬"),
        ("utf-16", "naïve 🎬 电影"),
        ("utf-16-le", "naïve 电影"),
        ("utf-32", "naïve 🎬"),
        ("cp1252", "naïve – “film”"),
        ("latin-1", "naïve"),
        ("gb18030", "好电影 🎬"),
        ("big5", "好電影"),
        ("shift_jis", "良い映画"),
        ("koi8-r", "хороший фильм"),
    ],
)
@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_text_comes_out_of_any_encoding(form: str, encoding: str, text: str, write: Write) -> None:
    line = json.dumps({"text": text}, ensure_ascii=False)
    content = f'text\n"{text}"\n' if form == "csv" else f"{line}\n"
    path = write(f"a.{form}", content.encode(encoding))
    assert texts(read(path, Columns(), encoding)) == [text]


def test_a_cell_keeps_its_lines_quotes_and_separators(write: Write) -> None:
    path = write("a.csv", 'id,text\n1,"two\r\nlines, ""quoted"""\n2,one\n')
    assert texts(read(path, Columns())) == ['two\r\nlines, "quoted"', "one"]


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        ("a.csv", b"text,x\ngood,1\nb\xffd,1\ngood,1\n", "bytes at position 1"),
        ("a.csv", b"text,x\ngood,1\n,1\ngood,1\n", "the text is empty"),
        ("a.csv", b"text,x\ngood,1\nbad,1,2\ngood,1\n", "3 cells under 2 columns"),
        ("a.csv", b"text,x\ngood,1\nb\0d,1\ngood,1\n", "NUL character at position 1"),
        ("a.jsonl", b'{"text":"good"}\n{"text":\n{"text":"good"}\n', "not JSON"),
        ("a.jsonl", b'{"text":"good"}\n["bad"]\n{"text":"good"}\n', "of type list"),
        ("a.jsonl", b'{"text":"good"}\n{"txt":"a"}\n{"text":"good"}\n', "no key 'text'"),
        ("a.jsonl", b'{"text":"good"}\n{"text":3}\n{"text":"good"}\n', "of type int"),
        ("a.jsonl", b'{"text":"good"}\n{"text":"\\ud800"}\n{"text":"good"}\n', "position 0"),
        ("a.jsonl", b'{"text":"good"}\n{"text":"b\xff"}\n{"text":"good"}\n', "position 1"),
        ("a.jsonl", b'{"text":"good"}\n' + b"[" * 100_000 + b'\n{"text":"good"}\n', "not JSON"),
    ],
)
def test_what_is_wrong_with_a_row_is_its_fault_alone(
    name: str, content: bytes, fault: str, write: Write
) -> None:
    rows = read(write(name, content), Columns())
    assert texts(rows) == ["good", "", "good"]
    assert [bool(row.fault) for row in rows] == [False, True, False]
    assert fault in rows[1].fault


def test_a_fault_repeats_no_text(write_rows: WriteRows) -> None:
    path = write_rows("a.jsonl", [{"text": "secret\0"}, {"text": ["secret"]}])
    assert "secret" not in "".join(row.fault for row in read(path, Columns()))


def test_an_id_with_broken_bytes_can_still_be_written(write: Write) -> None:
    (row,) = read(write("a.csv", b"id,text\nn\xff,good\n"), Columns(id="id"))
    assert (row.id, row.fault) == ("n?", "")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"title,label\na,b\n", "no column 'text'; there are title, label"),
        ("a.csv", b"text,text\na,b\n", "occurs 2 times"),
        ("a.csv", b"", "no column 'text'"),
        ("a.xlsx", b"", "ends in .xlsx"),
        ("a.parquet", b"PAR1 is not enough", "cannot be read as Parquet"),
        ("a.csv", b'text,x\n"never closed,1\n' + b"a" * 10_000_001, "line 3.*quote"),
    ],
)
def test_what_is_no_input_is_refused_with_the_remedy(
    name: str, content: bytes, said: str, write: Write
) -> None:
    with pytest.raises(ScoreError, match=said):
        read(write(name, content), Columns())


@pytest.mark.parametrize("encoding", ["utf-9", "hex", "base64", "rot13"])
def test_an_encoding_that_is_none_is_refused(encoding: str, write: Write) -> None:
    with pytest.raises(ScoreError, match=f"--encoding {encoding}"):
        read(write("a.csv", "text\na\n"), Columns(), encoding)


def test_chunks_are_decided_by_the_input_alone(
    write_rows: WriteRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows_module, "CHUNK_ROWS", 3)
    monkeypatch.setattr(rows_module, "CHUNK_CHARACTERS", 10)
    lengths = [1, 1, 1, 9, 1, 30, 1]
    path = write_rows("a.jsonl", [{"text": "a" * length} for length in lengths])
    chunks = list(cut(open_source(path, Columns(), "utf-8")))
    assert [[len(row.text) for row in one.rows] for one in chunks] == [[1, 1, 1], [9, 1], [30], [1]]
    assert [one.number for one in chunks] == [0, 1, 2, 3]
    assert [row.number for one in chunks for row in one.rows] == list(range(7))
    shares = [one.share for one in chunks]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
