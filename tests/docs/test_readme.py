"""The README's commands are real, and its answers are what the demo answers."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from demo.__main__ import NAMES as DEMOS
from tests.support.server import serving

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, re.DOTALL)
COMMANDS = [
    line
    for language, block in BLOCKS
    if language == "sh"
    for line in block.replace("\\\n", " ").strip().splitlines()
]
CURLS = [
    (block.replace("\\\n", " ").strip(), json.loads(answer))
    for (language, block), (_, answer) in zip(BLOCKS, BLOCKS[1:], strict=False)
    if language == "sh" and block.startswith("curl")
]


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("make")])
def test_every_make_command_is_a_target(command: str) -> None:
    _, *targets = shlex.split(command)
    for target in targets:
        assert re.search(rf"^{target}:.* ## ", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("python -m")])
def test_every_python_command_takes_its_options(command: str) -> None:
    _, _, module, *arguments = shlex.split(command)
    done = subprocess.run(
        [sys.executable, "-m", module, "--help"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for option in (a for a in arguments if a.startswith("--")):
        assert option in done.stdout, f"{module} has no {option}"


def test_every_command_is_of_a_kind_that_is_tested() -> None:
    for command in COMMANDS:
        assert command.startswith(("make", "python -m", "curl", "docker compose up")), command


@pytest.mark.slow
def test_the_curls_answer_as_the_readme_shows(demo_store: Path) -> None:
    assert {json.loads(shlex.split(command)[-1])["model"] for command, _ in CURLS} == set(DEMOS)
    with serving(demo_store) as server:
        for command, shown in CURLS:
            words = shlex.split(command.replace("http://127.0.0.1:8000", server.url))
            done = subprocess.run(words, capture_output=True, text=True, check=True)
            _assert_alike(json.loads(done.stdout), shown)


def _assert_alike(answer: Any, shown: Any) -> None:
    """Hold structure, labels and spans exactly, and scores to what training elsewhere changes."""
    if isinstance(shown, dict):
        assert answer.keys() == shown.keys()
        for key in shown:
            if key == "score":
                assert answer[key] == pytest.approx(shown[key], abs=0.15)
            else:
                _assert_alike(answer[key], shown[key])
    elif isinstance(shown, list):
        assert len(answer) == len(shown)
        for one, other in zip(answer, shown, strict=True):
            _assert_alike(one, other)
    else:
        assert answer == shown
