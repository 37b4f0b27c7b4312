"""An environment for each set of clients, so that their versions need not agree with ours."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ENVIRONMENTS = HERE.parents[1] / "build" / "clients"
INSTALL_SECONDS, ASK_SECONDS = 900, 120


def python_of(name: str) -> Path:
    """Return the Python that has the packages of `environments/NAME.txt`; install them once."""
    required = (HERE / "environments" / f"{name}.txt").read_text()
    folder = ENVIRONMENTS / name
    python, installed = folder / "bin" / "python", folder / "installed.txt"
    if not installed.exists() or installed.read_text() != required:
        run_command([sys.executable, "-m", "venv", "--clear", str(folder)])
        run_command([str(python), "-m", "pip", "install", "--quiet", *required.split()])
        installed.write_text(required)
    return python


def run_command(command: Sequence[str], cwd: Path | None = None) -> None:
    subprocess.run(command, check=True, timeout=INSTALL_SECONDS, stdout=subprocess.DEVNULL, cwd=cwd)


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
