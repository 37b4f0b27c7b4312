"""The scripts of docs/training.md run as they are printed, on a tiny encoder."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.commands import commands_of, unknown_options
from tests.support.tiny import make_checkpoint

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
COMMANDS = commands_of(PAGE)
SECONDS = 600
# A script that fails must not leave its service behind.
TIDY = "trap 'kill $(jobs -p) 2> /dev/null || true' EXIT\n"


def script_of(heading: str) -> str:
    """Return the first script under a heading."""
    return re.findall(r"```sh\n(.*?)```", PAGE.partition(f"\n## {heading}\n")[2], re.DOTALL)[0]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def run(script: str, folder: Path) -> str:
    """Run a script in a folder, with this checkout and a free port, and return what it prints."""
    port = str(free_port())
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "CLASSMARK_PORT": port,
        "OMP_NUM_THREADS": "1",
    }
    process = subprocess.Popen(
        ["bash", "-eu", "-o", "pipefail", "-c", TIDY + script.replace(":8000", f":{port}")],
        cwd=folder, env=environment, text=True, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        out, err = process.communicate(timeout=SECONDS)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 0, f"{out}\n{err}"
    return f"{out}\n{err}"


def write_reviews(path: Path) -> None:
    """Write what somebody exported: other columns, semicolons, two bytes of Latin-1."""
    names = [f"{a} {b}" for a in ("Anna", "Smith", "Paris", "Rome") for b in "abcde"]
    rows = [f"{i};shop;The film of {n} was good;good" for i, n in enumerate(names)]
    rows += [f"{i};shop;The film of {n} was bad;bad" for i, n in enumerate(names, start=20)]
    rows += ["40;shop;A good caf\xe9;good", "41;shop;A bad caf\xe9;bad"]
    path.write_bytes("\r\n".join(["id;source;comment;verdict", *rows, ""]).encode("latin-1"))


def test_the_worked_example_leads_from_a_csv_to_an_answer(tmp_path: Path) -> None:
    script = script_of("From a CSV to curl")
    assert len(script.splitlines()) <= 11  # ten, and `kill`
    write_reviews(tmp_path / "reviews.csv")
    make_checkpoint(tmp_path / "encoder")
    said = run(script, tmp_path)
    assert "what is not UTF-8 was replaced by U+FFFD in 2 of 44 lines: lines 42, 43" in said
    assert "columns that are not read: id, source" in said
    (answer,) = [json.loads(line) for line in said.splitlines() if line.startswith('{"model"')]
    assert {label["label"] for label in answer["results"][0]["labels"]} == {"good", "bad"}


def test_a_folder_of_a_trainer_leads_to_an_answer(tmp_path: Path) -> None:
    script = script_of("From a Trainer's folder to curl")
    assert len(script.splitlines()) <= 5
    make_checkpoint(tmp_path / "checkpoint")
    said = run(script, tmp_path)
    (answer,) = [json.loads(line) for line in said.splitlines() if line.startswith('{"model"')]
    assert len(answer["results"][0]["labels"]) == 3


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("classmark")])
def test_every_option_of_the_scripts_exists(command: str) -> None:
    assert not unknown_options(command)


def test_the_scripts_call_the_command_alone() -> None:
    assert any(command.startswith("classmark") for command in COMMANDS)
    assert "python -m" not in PAGE
