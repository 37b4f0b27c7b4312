"""One command for every program, from any folder."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from classmark.__main__ import VERBS

ROOT = Path(__file__).parents[2]
SCRIPT = "import sys\nfrom classmark.__main__ import main\nsys.exit(main())\n"


@pytest.fixture
def users_folder(tmp_path: Path) -> Path:
    """A folder whose modules are called like ours, and end whatever imports them."""
    for name in (
        "app.py",
        "score.py",
        "report.py",
        "offline.py",
        "training/__init__.py",
        "export/__init__.py",
    ):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("raise SystemExit('the user's own module was imported')".replace("'s", ""))
    return tmp_path


@pytest.fixture
def script(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The console script as pip writes it; the package is found, but by no current folder."""
    path = tmp_path_factory.mktemp("bin") / "classmark"
    path.write_text(SCRIPT)
    return [sys.executable, str(path)]


def run(command: list[str], folder: Path = ROOT, **environment: str) -> subprocess.CompletedProcess:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("CLASSMARK_")}
    return subprocess.run(
        command,
        cwd=folder,
        env=kept | {"PYTHONPATH": str(ROOT)} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("way", ["script", "module"])
def test_a_users_modules_in_the_current_folder_do_not_stand_in_for_ours(
    way: str, verb: str, script: list[str], users_folder: Path
) -> None:
    command = script if way == "script" else [sys.executable, "-m", "classmark"]
    done = run([*command, verb, "--help"], users_folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"usage: classmark {verb} "), done.stdout


def test_processes_that_the_command_starts_do_not_look_in_the_current_folder(
    script: list[str], users_folder: Path
) -> None:
    started = (
        "import subprocess, sys\n"
        "from classmark.__main__ import run\n"
        "run('keys', ['someone'])\n"
        "sys.exit(subprocess.run([sys.executable, '-m', 'app.workers', '--help']).returncode)\n"
    )
    Path(script[1]).write_text(started)
    done = run(script, users_folder)
    assert "own module" not in done.stderr


def test_help_and_version_are_told_without_importing_a_program(script: list[str]) -> None:
    watch = "import atexit, sys\natexit.register(lambda: print(*sys.modules))\n"
    Path(script[1]).write_text(watch + SCRIPT)
    heavy = {"torch", "transformers", "onnxruntime", "numpy", "pydantic", "argparse", "app"}
    for option in ("--help", "--version"):
        done = run([*script, option])
        assert done.returncode == 0
        assert not heavy & set(done.stdout.splitlines()[-1].split())
    assert all(verb in run([*script, "--help"]).stdout for verb in VERBS)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "usage: classmark VERB"),
        (["exprot"], "'exprot' is no verb; did you mean export?"),
        (["xyzzy"], "it is one of serve, export"),
        (["store", "--no-such-option"], "usage: classmark store"),
        (["store", "no/such/store"], "the model store no/such/store is not a folder"),
    ],
)
def test_a_command_line_that_cannot_be_meant_ends_with_2(
    given: list[str], said: str, script: list[str]
) -> None:
    done = run([*script, *given])
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


@pytest.mark.parametrize("name", [name for name, verb in VERBS.items() if verb.extra])
def test_a_verb_whose_extra_is_missing_says_which_to_install(name: str, script: list[str]) -> None:
    done = run([sys.executable, "-S", script[1], name])  # without any installed package
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert f"pip install 'classmark[{name}]'" in line
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert name in extras["optional-dependencies"]


def test_a_reader_that_has_enough_ends_the_command_quietly(
    script: list[str], tiny_store: Path
) -> None:
    command = f"{' '.join(script)} store {tiny_store} | true; exit ${{PIPESTATUS[0]}}"
    done = run(["bash", "-c", command])
    assert done.stderr == ""
    assert done.returncode in (0, 141)


def test_the_console_script_is_the_command() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["scripts"] == {"classmark": "classmark.__main__:main"}
