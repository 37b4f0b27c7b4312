"""Folders of the demo cache, with several demos made at once."""

import fcntl
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from demo.cache import make_once


def test_while_one_makes_a_folder_no_other_begins_it(tmp_path):
    def write(folder):
        with (tmp_path / "base.lock").open("w") as lock, pytest.raises(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        (folder / "weights").write_text("whole")

    made = make_once(tmp_path / "base", write)
    assert (made / "weights").read_text() == "whole"


def test_whoever_had_to_wait_takes_what_was_made(tmp_path):
    callers = 8
    together, written = Barrier(callers), []

    def write(folder):
        written.append(folder)
        (folder / "weights").write_text("whole")

    def make(_):
        together.wait()
        return (make_once(tmp_path / "base", write) / "weights").read_text()

    with ThreadPoolExecutor(callers) as pool:
        assert list(pool.map(make, range(callers))) == ["whole"] * callers
    assert len(written) == 1


def test_what_fails_leaves_no_folder_and_is_tried_again(tmp_path):
    def fail(folder):
        (folder / "half").write_text("")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        make_once(tmp_path / "base", fail)
    assert not (tmp_path / "base").exists()
    made = make_once(tmp_path / "base", lambda folder: (folder / "weights").touch())
    assert [path.name for path in made.iterdir()] == ["weights"]
