"""A supervised process that no longer answers is ended, so that another can take its place."""

import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from app.security import Authorizer
from app.settings.settings import Settings
from app.workers.supervisor import child
from app.workers.supervisor.child import ChildProcess
from app.workers.supervisor_link import WorkerSpec

pytestmark = pytest.mark.anyio

ANSWERS, HANGS = (
    """
import json, socket, sys
line = socket.socket(fileno=int(sys.argv[-1])).makefile("rw")
line.readline()
def tell(**message):
    line.write(json.dumps(message) + "\\n")
    line.flush()
tell(event="listening")
for asked in range(20):
    line.readline()
    """
    + rest
    for rest in (
        "tell(event='pong')",
        "tell(event='pong') if asked < 2 else None",
    )
)


async def end_of(script: str, folder: Path) -> int:
    """Return the exit code of a process that runs this script."""
    path = folder / "process.py"
    path.write_text(script)
    told: list[dict[str, Any]] = []
    child = await ChildProcess.start(
        (sys.executable, str(path)),
        WorkerSpec("engine", Settings(), Authorizer((), frozenset()), "-"),
        (),
    )
    code = await child.follow(lambda _, message: told.append(message))
    assert told == [{"event": "listening"}]
    return code


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "PAUSE_SECONDS", 0.2)


async def test_a_process_that_hangs_is_killed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert await end_of(HANGS, tmp_path) == -signal.SIGKILL
    assert "process hangs and is killed" in caplog.text


async def test_a_process_that_answers_lives_on(tmp_path: Path) -> None:
    assert await end_of(ANSWERS, tmp_path) == 0
