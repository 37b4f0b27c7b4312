"""Process 1 of the images passes signals on and reaps what it inherits, as no plain program does.

A kernel drops signals that process 1 has no handler for, and Python has none as it starts.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.deployment.files import DOCKERFILE

ENTRYPOINTS = [
    json.loads(line) for line in re.findall(r"^ENTRYPOINT (.+)$", DOCKERFILE.read_text(), re.M)
]
SERVICE = max(ENTRYPOINTS, key=len)
# Leaves an orphan behind that ends, and waits until nobody in this namespace is a zombie.
ORPHAN = """
import os, time
from pathlib import Path

reading, writing = os.pipe()
if os.fork() == 0:
    os.fork()
    os._exit(0)
os.wait()
os.close(writing)
os.read(reading, 1)
print("left", flush=True)
while any(") Z " in stat.read_text() for stat in Path("/proc").glob("[0-9]*/stat")):
    time.sleep(0.01)
"""


def _in_a_namespace(command: list[str]) -> list[str]:
    """Return a command that runs another one as process 1."""
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    return ["unshare", *user, "--pid", "--fork", "--kill-child", "--mount-proc", *command]


def _can_unshare() -> bool:
    if not shutil.which("unshare"):
        return False
    return (
        subprocess.run(_in_a_namespace(["true"]), capture_output=True, check=False).returncode == 0
    )


pytestmark = pytest.mark.skipif(not _can_unshare(), reason="needs Linux namespaces")


@contextmanager
def as_process_one(
    program: list[str], prefix: list[str], **settings: str
) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Run a program behind an entry point's prefix; yield what runs it, and process 1's id here."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    with subprocess.Popen(
        _in_a_namespace([*prefix, *program]),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"PATH": path} | settings,
    ) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
            yield process, int(children)
        finally:
            process.kill()  # and process 1 with it, which ends all of its namespace


@pytest.mark.parametrize("entrypoint", ENTRYPOINTS, ids=len)
def test_a_program_without_handlers_ends_on_sigterm(entrypoint: list[str]) -> None:
    prefix = entrypoint[: entrypoint.index("--") + 1]
    sleeper = [sys.executable, "-uc", "import time; print('up'); time.sleep(60)"]
    with as_process_one(sleeper, prefix) as (process, one):
        os.kill(one, signal.SIGTERM)
        assert process.wait(20) == 128 + signal.SIGTERM


def test_orphans_are_reaped() -> None:
    prefix = SERVICE[: SERVICE.index("--") + 1]
    with as_process_one([sys.executable, "-c", ORPHAN], prefix) as (process, _):
        assert process.wait(20) == 0


def test_the_service_ends_with_0_on_sigterm(tmp_path: Path) -> None:
    settings = {
        "CLASSMARK_DRAIN_SECONDS": "0",
        "CLASSMARK_HOST": "127.0.0.1",
        "CLASSMARK_MODEL_STORE": str(tmp_path),
        "CLASSMARK_PORT": "0",
    }
    with as_process_one([], SERVICE, **settings) as (process, one):
        os.kill(one, signal.SIGTERM)
        assert process.wait(30) == 0
