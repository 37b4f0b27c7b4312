"""The job that makes the demo models makes those that the store lacks, and nothing twice."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.deployment.files import DEMO_SCRIPT

# In place of Python: notes how it was called, and leaves what the two commands leave.
PYTHON = """#!/bin/sh
echo "$*" >>calls
case "$2 $3" in
"demo broken") exit 3 ;;
demo*) mkdir -p "checkpoints/$3" && touch "checkpoints/$3/evaluation.json" ;;
export*) mkdir -p "$DEMO_STORE/${3##*/}/1" && touch "$DEMO_STORE/${3##*/}/1/manifest.json" ;;
esac
"""


class Job:
    """The script in a folder of its own, with a stand-in for Python."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = folder / "store"
        (folder / "bin").mkdir()
        python = folder / "bin/python"
        python.write_text(PYTHON)
        python.chmod(0o755)

    def run(self, *names: str, **variables: str) -> subprocess.CompletedProcess[str]:
        path = f"{self.folder / 'bin'}:{os.environ['PATH']}"
        environment = {"PATH": path, "DEMO_STORE": str(self.store)} | variables
        (self.folder / "calls").write_text("")
        return subprocess.run(
            ["sh", str(DEMO_SCRIPT), *names],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def calls(self) -> list[str]:
        """The programs that ran, each with its first argument."""
        lines = (self.folder / "calls").read_text().splitlines()
        return [" ".join(line.split()[1:3]) for line in lines]


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(tmp_path)


def test_an_empty_store_gets_the_english_models_one_after_the_other(job: Job) -> None:
    done = job.run()
    assert done.returncode == 0
    names = ["sentiment", "topic", "intent", "ner"]
    assert job.calls == [
        f"{how}{name}" for name in names for how in ("demo ", "export checkpoints/")
    ]
    assert [line for line in done.stdout.splitlines() if line.endswith("is in the store")] == [
        f"{name}: is in the store" for name in names
    ]


def test_a_store_that_has_them_is_left_alone(job: Job) -> None:
    job.run()
    assert job.run().returncode == 0
    assert job.calls == []


def test_any_version_counts(job: Job) -> None:
    (job.store / "topic/7").mkdir(parents=True)
    (job.store / "topic/7/manifest.json").touch()
    job.run("topic", "ner")
    assert job.calls == ["demo ner", "export checkpoints/ner"]


def test_what_an_interrupted_run_has_trained_is_not_trained_again(job: Job) -> None:
    checkpoint = job.folder / "checkpoints/topic"
    checkpoint.mkdir(parents=True)
    (checkpoint / "evaluation.json").touch()
    job.run("topic")
    assert job.calls == ["export checkpoints/topic"]


def test_a_failure_ends_the_job_so_that_it_is_tried_again(job: Job) -> None:
    assert job.run("broken", "ner").returncode == 3
    assert job.calls == ["demo broken"]


def test_none_are_made_while_the_service_reads_another_store(job: Job) -> None:
    done = job.run(OTHER_STORE="./bundles")
    assert done.returncode == 0
    assert "./bundles" in done.stdout
    assert job.calls == []
