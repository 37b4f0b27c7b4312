"""Runs of the command with small chunks: in this process, or in one that is killed."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app import python_tuning
from score.__main__ import main
from score.readers import rows

ROOT = Path(__file__).parents[2]
CHUNK_ROWS = 40
# Run before the command: `die` is called at the place where the process is to be killed.
_PREPARE = f"""
import os, signal, sys
import score.readers.rows
score.readers.rows.CHUNK_ROWS = {CHUNK_ROWS}
from score.output import formats, parts
from score.__main__ import main
def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)
{{before}}
sys.exit(main(sys.argv[1:]))
"""


def killed(*arguments: object, before: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process that kills itself where `before` calls `die`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CLASSMARK_")}
    return subprocess.run(
        [sys.executable, "-c", _PREPARE.format(before=before), *map(str, arguments)],
        cwd=ROOT,
        env=kept,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


Score = Callable[..., tuple[int, str]]


def in_process(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Score:
    """Return what runs the command here, and returns its exit code and standard error."""
    for name in [name for name in os.environ if name.startswith("CLASSMARK_")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(rows, "CHUNK_ROWS", CHUNK_ROWS)
    monkeypatch.setattr(python_tuning, "tune", lambda: None)

    def run(*arguments: object) -> tuple[int, str]:
        capsys.readouterr()
        try:
            code: object = main([*map(str, arguments)])
        except SystemExit as exc:  # argparse's
            code = exc.code
        assert isinstance(code, int)
        return code, capsys.readouterr().err

    return run


def answers(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.read_text().splitlines()]
