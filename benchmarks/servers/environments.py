"""A separate environment for each peer, so that their versions need not agree."""

import subprocess
import sys
from pathlib import Path

from benchmarks.errors import BenchmarkError
from benchmarks.servers.contenders import PEERS, Contender

INSTALL_SECONDS = 900


def prepare(contender: Contender, folder: Path) -> Path:
    """Return the Python that runs a contender, its packages installed; raise BenchmarkError."""
    requirements = PEERS / (contender.peer or "") / "requirements.txt"
    if contender.peer is None or not requirements.exists():
        return Path(sys.executable)
    environment = folder / "venvs" / contender.peer
    python, installed = environment / "bin" / "python", environment / "installed.txt"
    if installed.exists() and installed.read_text() == requirements.read_text():
        return python
    try:
        _run([sys.executable, "-m", "venv", str(environment)])
        _run([str(python), "-m", "pip", "install", "--quiet", "-r", str(requirements)])
    except subprocess.TimeoutExpired as exc:
        raise BenchmarkError(
            f"{contender.name} was not installed within {INSTALL_SECONDS} s; run again"
        ) from exc
    installed.write_text(requirements.read_text())
    return python


def _run(command: list[str]) -> None:
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=INSTALL_SECONDS
    )
    if done.returncode:
        raise BenchmarkError(f"not installed: {done.stderr.strip()[-300:]}")
