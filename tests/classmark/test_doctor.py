"""The doctor finds what to mend, names the remedy, and says by its exit code that there is one."""

import resource
import sys
from pathlib import Path

import pytest

from app import memory
from classmark import installation, machine
from classmark.doctor import look_at_store, main
from classmark.installation import look_at_installation
from classmark.machine import look_at_machine


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment without variables that a finding could be about."""
    for name in [*installation.SLOW, "CLASSMARK_MODEL_STORE"]:
        monkeypatch.delenv(name, raising=False)


def findings(level: str) -> dict[str, str]:
    found = look_at_machine() + look_at_installation()
    return {one.subject: f"{one.text}; {one.remedy}" for one in found if one.level == level}


@pytest.mark.usefixtures("plain")
def test_a_sound_store_is_healthy_and_everything_is_told(
    tiny_store: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["classmark doctor", "--store", str(tiny_store)])
    assert main() == 0
    lines = capsys.readouterr().out.splitlines()
    told = [line.split()[1] for line in lines]
    assert told == ["CPU", "CPUs", "memory", "files", "versions", "runtime", "settings", "store"]


@pytest.mark.usefixtures("plain")
def test_a_broken_version_is_to_be_mended(
    store: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (store / "mood" / "1" / "tokenizer.json").write_text("short")
    monkeypatch.setattr(sys, "argv", ["classmark doctor", "--store", str(store)])
    assert main() == 1
    (fault,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("fault")]
    assert "mood/1" in fault
    assert "copy the folder again" in fault


def test_a_store_that_is_missing_or_empty_is_to_be_mended(tmp_path: Path) -> None:
    (missing,) = look_at_store(str(tmp_path / "none"), checksums=False)
    (empty,) = look_at_store(str(tmp_path), checksums=False)
    assert (missing.level, empty.level) == ("fault", "fault")
    assert "classmark export" in empty.remedy


@pytest.mark.usefixtures("plain")
@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("CLASSMARK_EXECUTER", "2", "did you mean CLASSMARK_EXECUTORS?"),
        ("CLASSMARK_PORT", "none", "CLASSMARK_PORT"),
    ],
)
def test_a_setting_that_would_stop_the_start_is_to_be_mended(
    name: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    assert said in findings("fault")["settings"]


@pytest.mark.usefixtures("plain")
def test_variables_that_cost_speed_are_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "true")
    monkeypatch.setenv("CLASSMARK_EXECUTORS", "1000")
    noted = findings("note")
    assert "unset TOKENIZERS_PARALLELISM" in noted["variables"]
    assert "CLASSMARK_EXECUTORS=1000" in noted["settings"]


@pytest.mark.usefixtures("plain")
def test_what_is_scarce_is_noted_with_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "memory.max").write_text("1000000")
    (tmp_path / "memory.stat").write_text("anon 400000\n")
    monkeypatch.setattr(memory, "CGROUP", tmp_path)
    monkeypatch.setattr(machine, "read_cpuinfo", lambda: ("Old CPU", {"avx2"}))
    monkeypatch.setattr(machine, "available_cpus", lambda: 0)
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, 1024))
    noted = findings("note")
    assert noted.keys() >= {"CPU", "CPUs", "memory", "files"}
    assert "ulimit -n 1024" in noted["files"]


@pytest.mark.usefixtures("plain")
def test_two_builds_of_the_runtime_overwrite_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation, "_version_of", lambda _: "1.0")
    assert "serve or serve-gpu" in findings("fault")["versions"]
