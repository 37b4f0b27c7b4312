"""An environment for each set of packages that need not agree with ours, made once under build/."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

BUILD = Path(__file__).parents[2] / "build"
INSTALL_SECONDS = 900


def python_with(requirements: Path) -> Path:
    """Return a Python that has the packages of `tests/KIND/environments/NAME.txt`.

    They are installed into `build/KIND/NAME`, anew whenever the file changes.
    """
    required = requirements.read_text()
    folder = BUILD / requirements.parents[1].name / requirements.stem
    python, installed = folder / "bin" / "python", folder / "installed.txt"
    if not installed.exists() or installed.read_text() != required:
        run_command([sys.executable, "-m", "venv", "--clear", str(folder)])
        run_command([str(python), "-m", "pip", "install", "--quiet", *required.split()])
        installed.write_text(required)
    return python


def run_command(command: Sequence[str], cwd: Path | None = None) -> None:
    subprocess.run(command, check=True, timeout=INSTALL_SECONDS, stdout=subprocess.DEVNULL, cwd=cwd)
