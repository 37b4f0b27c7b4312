"""Settings: bad ones stop the start with a sentence; each is explained."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.settings import Settings

CLEAN = {k: v for k, v in os.environ.items() if not k.startswith("CLASSMARK_")}


def start(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "app", *arguments],
        capture_output=True,
        text=True,
        env=CLEAN | environment,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        (
            {"CLASSMARK_PORT": "99999"},
            "CLASSMARK_PORT: Input should be less than or equal to 65535",
        ),
        ({"CLASSMARK_HOST": "0.0.0.0"}, "set CLASSMARK_API_KEYS_FILE"),
        ({"CLASSMARK_MODEL_STORE": "/nowhere"}, "make models"),
        ({"CLASSMARK_DEVICE": "tpu"}, "CLASSMARK_DEVICE"),
    ],
)
def test_a_bad_setting_stops_the_start_with_a_sentence(
    tmp_path: Path, environment: dict[str, str], message: str
) -> None:
    done = start(**({"CLASSMARK_MODEL_STORE": str(tmp_path)} | environment))
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_taken_port_is_said_and_fails(tmp_path: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = start("--port", port, "--model-store", str(tmp_path))
    assert done.returncode != 0
    assert "address already in use" in done.stderr


def test_help_explains_every_setting() -> None:
    done = start("--help", COLUMNS="1000")
    assert done.returncode == 0
    for name, field in Settings.model_fields.items():
        assert f"--{name.replace('_', '-')}" in done.stdout
        assert field.description is not None
        assert field.description.split(".")[0][:40] in done.stdout
