"""The service installs and runs by itself, without anything of the offline world."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.server import serving

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_the_service_runs_from_an_environment_with_the_serve_extra_alone(
    tiny_store: Path, tmp_path: Path
) -> None:
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    install = [sys.executable, "-m", "pip", "--python", python, "install"]
    install += ["--quiet", "--disable-pip-version-check", "--no-compile"]
    # Installed from a copy, because a build leaves its files beside the sources.
    source = tmp_path / "source"
    for package in ("app", "classmark"):
        shutil.copytree(ROOT / package, source / package)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    constraints = ROOT / "constraints.txt"
    subprocess.run([*install, "-c", constraints, f"{source}[serve]"], check=True)
    absent = "import importlib.util as u; assert not any(map(u.find_spec, {names!r}))"
    names = ("torch", "transformers", "optimum", "onnx", "sklearn")
    subprocess.run([python, "-c", absent.format(names=names)], check=True)
    (tmp_path / "app.py").write_text("raise SystemExit('of the user')")
    command = [python.with_name("classmark"), "doctor", "--store", tiny_store]
    subprocess.run(command, cwd=tmp_path, check=True)
    with serving(tiny_store, python=python) as server, server.client() as client:
        answer = client.post("/v1/classify", json={"model": "mood", "inputs": "a good film"})
        assert answer.status_code == 200
