"""The end of a command: one line and an exit code, whatever happens inside."""

import importlib
from collections.abc import Sequence
from pathlib import Path

import pytest

from offline.command import run
from offline.errors import DataError


def end_with(error: BaseException, *arguments: str) -> int:
    def command(given: Sequence[str]) -> int:
        assert given == ["a"]
        raise error

    return run(command, ["a", *arguments], report="its config.json")


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (DataError("the file is empty", file=Path("d.csv")), 2, "error: d.csv: the file is empty"),
        (ZeroDivisionError("oh\nno"), 70, "error: ZeroDivisionError: oh; nobody foresaw this: "),
        (KeyError(), 70, "error: KeyError: no message; nobody foresaw this"),
        (KeyboardInterrupt(), 130, "stopped"),
    ],
)
def test_every_end_is_one_line_with_its_exit_code(
    capsys: pytest.CaptureFixture[str], error: BaseException, code: int, said: str
) -> None:
    assert end_with(error) == code
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(said)
    assert len(line) < 600


def test_debug_shows_the_traceback() -> None:
    with pytest.raises(ZeroDivisionError):
        end_with(ZeroDivisionError("oh"), "--debug")


@pytest.mark.parametrize(
    ("program", "step", "arguments"),
    [
        ("export", "_export", ["folder", "--name", "m"]),
        ("training", "_train", []),
        ("demo", "_make", []),
    ],
)
def test_every_offline_program_ends_so(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    program: str,
    step: str,
    arguments: list[str],
) -> None:
    def broken(_: Sequence[str]) -> int:
        raise ZeroDivisionError("a panic of a library")

    module = importlib.import_module(f"{program}.__main__")
    monkeypatch.setattr(module, step, broken)
    assert module.main(arguments) == 70
    assert capsys.readouterr().err.count("\n") == 1
    with pytest.raises(ZeroDivisionError):
        module.main([*arguments, "--debug"])
