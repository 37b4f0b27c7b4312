"""Runs a client's script in an environment of its own, and reads what it was answered."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.support.environments import BUILD, python_with

HERE = Path(__file__).parent
ENVIRONMENTS = BUILD / HERE.name
ASK_SECONDS = 120


def python_of(name: str) -> Path:
    """Return the Python that has the clients of `environments/NAME.txt`."""
    return python_with(HERE / "environments" / f"{name}.txt")


def ask(command: Sequence[str], url: str, key: str, *cases: str) -> dict[str, Any]:
    """Run a client's script, and return what each case gave; all that it has, unless named."""
    done = subprocess.run(
        [*command, url, key, str(HERE / "inputs.json"), *cases],
        check=False,
        capture_output=True,
        text=True,
        timeout=ASK_SECONDS,
    )
    if done.returncode != 0:
        raise AssertionError(f"{command[-1]} failed:\n{done.stderr}")
    answers: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answers


def script(python: Path, name: str) -> list[str]:
    return [str(python), str(HERE / "scripts" / f"{name}.py")]
