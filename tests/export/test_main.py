"""The command line: exit codes, one-line errors, and what it prints at the end."""

import re
import shutil
from pathlib import Path

import pytest

from app.bundle.bundle import open_bundle
from app.errors import InvalidRequest
from export.__main__ import COMMANDS, main
from tests.support.adapters import make_adapter

TABLE = "table.csv"


def test_an_export_says_what_was_written_and_how_to_serve_it(
    sentiment: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main([str(sentiment), "--name", "m", "--store", str(tmp_path), "--precision", "fp32"])
    out = capsys.readouterr().out
    assert code == 0
    assert f"Wrote {tmp_path / 'm' / '1'}" in out
    assert f"classmark serve --model-store {tmp_path}" in out


def test_a_failed_gate_exits_1_with_figures_and_tolerance_in_one_line(
    sentiment: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--precision", "fp32", "--tolerance", "fp32.score_difference=0"]
    code = main([str(sentiment), "--name", "m", "--store", str(tmp_path), *options])
    (error,) = capsys.readouterr().err.splitlines()
    assert code == 1
    assert "score difference 0.0000 where <= 0 is needed" in error
    assert "nothing was written" in error
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--name", "Bad Name"], "name 'Bad Name' cannot be used"),
        (["--name", "m", "--version", "0"], "version 0 cannot be used; take 1 to"),
        (["--name", "m", "--tolerance", "int9.agreement=1"], "PRECISION.FIGURE=NUMBER"),
        (["--name", "m", "--tolerance", "int8.agreement=2"], "'2' is not a number from 0 to 1"),
        (["--name", "m", "--eval", "missing.jsonl"], "missing.jsonl: cannot be read"),
        (["--name", "m", "--eval", TABLE], "no column 'text'; say with --text-column NAME"),
        (["--name", "m", "--eval", TABLE, "--text-column", "review"], "' ' is not a text"),
    ],
)
def test_bad_input_exits_2_with_one_line(
    sentiment: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    reason: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("data"))
    Path(TABLE).write_text('review,label\n" ",negative\n')
    assert main([str(sentiment), "--store", str(tmp_path), *options]) == 2
    (error,) = capsys.readouterr().err.splitlines()
    assert reason in error
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_that_is_not_there_exits_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path / "none"), "--name", "m", "--store", str(tmp_path)]) == 2
    assert "no such folder" in capsys.readouterr().err


def test_a_checkpoint_in_parts_is_exported_with_the_names_that_are_given(
    sentiment: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    adapter = make_adapter(tmp_path / "adapter", sentiment, labels=3)
    parts = [
        "--adapter",
        str(adapter),
        "--tokenizer",
        str(sentiment),
        "--labels",
        "bad, so-so,good",
    ]
    options = ["--name", "m", "--store", str(tmp_path), "--precision", "fp32"]
    assert main([str(sentiment), *parts, *options]) == 0
    out = capsys.readouterr().out
    assert f"merged into {sentiment}, " in out
    assert f"3 labels, 40 tokens, tokenizer of {sentiment}" in out
    assert open_bundle(tmp_path / "m" / "1").manifest.labels == ("bad", "so-so", "good")


@pytest.mark.parametrize("given", ["a,a", "a,,b", "a,"])
def test_names_that_are_empty_or_there_twice_are_refused_at_once(
    given: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["anywhere", "--name", "m", "--labels", given])
    assert f"{given!r} has an empty name or one twice" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["schemes", "support"])
def test_a_verb_that_is_gone_is_read_as_a_checkpoint_without_a_name(
    verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main([verb])
    assert "--name" in capsys.readouterr().err


def test_list_and_inspect_show_what_a_store_holds(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["list", str(store)]) == 0
    listed = capsys.readouterr().out
    assert "sentiment" in listed
    assert "ner" in listed
    assert main(["inspect", str(store / "ner" / "1")]) == 0
    shown = capsys.readouterr().out
    assert "graphs.int8.batch_invariant" in shown
    assert "O, B-PER, I-PER, B-LOC, I-LOC" in shown


def test_list_knows_a_checkpoint_that_was_put_into_the_store(
    sentiment: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(sentiment, tmp_path / "bare")
    shutil.copytree(sentiment, tmp_path / "numbered" / "3")
    (tmp_path / "empty").mkdir()
    assert main(["list", str(tmp_path)]) == 1
    bare, empty, numbered = capsys.readouterr().out.splitlines()
    assert re.match(r"bare  broken: .*bare is a Hugging Face checkpoint .*--name bare", bare)
    assert empty == "empty  no version"
    assert re.match(r"numbered/3  broken: .*3 is a Hugging Face .*--name numbered", numbered)


def test_verify_accepts_a_fresh_bundle(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(store / "sentiment" / "1")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["fp32", "fp16", "int8", "fp16 packed"]
    assert all("ok" in line for line in lines)


def test_verify_notices_a_changed_byte(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = shutil.copytree(store / "sentiment" / "1", tmp_path / "sentiment" / "1")
    graph = bundle / "model.int8.onnx"
    data = bytearray(graph.read_bytes())
    data[len(data) // 2] ^= 1
    graph.write_bytes(data)
    assert main(["verify", str(bundle)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "FAILED" in lines[2]
    assert "sha256" in lines[2]
    assert "ok" in lines[0]


def test_verify_notices_a_false_claim_of_batch_invariance(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from onnxruntime.quantization import quantize_dynamic

    from app.bundle.manifest import Manifest
    from export.bundle.package import hash_file

    bundle = shutil.copytree(store / "sentiment" / "1", tmp_path / "sentiment" / "1")
    graph = bundle / "model.int8.onnx"
    quantize_dynamic(bundle / "model.fp32.onnx", graph, extra_options={"DefaultTensorType": 1})
    manifest = Manifest.model_validate_json((bundle / "manifest.json").read_bytes())
    replaced = manifest.graphs["int8"].model_copy(
        update={"sha256": hash_file(graph), "bytes": graph.stat().st_size}
    )
    graphs = {"int8": replaced}
    forged = manifest.model_copy(update={"graphs": graphs})
    (bundle / "manifest.json").write_text(forged.model_dump_json(exclude_none=True))
    assert main(["verify", str(bundle)]) == 1
    assert "the manifest says batch_invariant, but" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (ZeroDivisionError("nobody thought of it\nat all"), 70, "nobody foresaw this"),
        (InvalidRequest("the tokenizer cannot read it"), 2, "the tokenizer cannot read it"),
    ],
)
def test_an_error_that_nobody_foresaw_is_one_line_and_with_debug_a_traceback(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
    code: int,
    said: str,
) -> None:
    def broken(_: object) -> int:
        raise error

    monkeypatch.setitem(COMMANDS, "list", broken)
    assert main(["list"]) == code
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1
    with pytest.raises(type(error)):
        main(["list", "--debug"])
