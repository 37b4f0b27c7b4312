"""The list of a store tells every version, which one is wanted, and what is wrong."""

import re
import shutil
import sys
from pathlib import Path

import pytest

from classmark.store.command import main
from classmark.store.folder import read_folder


def listed(
    store: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *options: str
) -> tuple[int, list[str]]:
    monkeypatch.setattr(sys, "argv", ["classmark store", str(store), *options])
    return main(), capsys.readouterr().out.splitlines()


def test_versions_are_listed_newest_first_and_the_newest_is_wanted(
    tiny_store: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, lines = listed(tiny_store, capsys, monkeypatch, "--checksums")
    assert code == 0
    assert [line.split()[:2] for line in lines] == [
        ["mood/2", "wanted"],
        ["mood/1", "sequence-classification,"],
        ["names/1", "wanted"],
    ]


def test_a_pinned_version_is_the_wanted_one(tiny_store: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    shutil.copytree(tiny_store, store)
    (store / "mood" / "desired-version").write_text("1")
    wanted = [entry.name for entry in read_folder(store, checksums=False) if entry.wanted]
    assert wanted == ["mood/1", "names/1"]


@pytest.mark.parametrize(
    ("spoil", "options", "said"),
    [
        (lambda s: (s / "mood/1/tokenizer.json").unlink(), [], "tokenizer.json is missing"),
        (lambda s: (s / "mood/1/manifest.json").write_text("{}"), [], "manifest.json"),
        (lambda s: (s / "mood/desired-version").write_text("7"), [], "pinned to version 7"),
        (lambda s: (s / "mood/desired-version").write_text("new"), [], "not a version number"),
        (lambda s: shutil.rmtree(s / "mood/1"), [], "mood  .*has no version"),
        (lambda s: (s / "mood").rename(s / "Mood!"), [], "Mood!  .*named like no model"),
        (lambda s: flip(s / "mood/1/tokenizer.json"), ["--checksums"], "changed or damaged"),
    ],
)
def test_what_is_wrong_is_said_in_its_line_and_by_the_exit_code(
    spoil: object,
    options: list[str],
    said: str,
    store: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert callable(spoil)
    spoil(store)
    code, lines = listed(store, capsys, monkeypatch, *options)
    assert code == 1
    (wrong,) = [line for line in lines if "WRONG" in line]
    assert re.search(said, wrong), wrong


def flip(path: Path) -> None:
    """Change a byte: the size stays."""
    data = bytearray(path.read_bytes())
    data[-2] ^= 1
    path.write_bytes(data)
