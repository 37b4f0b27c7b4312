"""Folders of the demo cache; each is whole or absent, even while several demos are made at once."""

import fcntl
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def make_once(folder: Path, write: Callable[[Path], None]) -> Path:
    """Return the folder; if it is missing, write it under another name, then rename it."""
    if folder.is_dir():
        return folder
    with one_at_a_time(folder):
        if not folder.is_dir():
            partial = folder.with_name(f"{folder.name}.partial")
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(parents=True)
            write(partial)
            partial.rename(folder)
    return folder


@contextmanager
def one_at_a_time(place: Path) -> Iterator[None]:
    """Hold a lock, so that other processes wait to make the same thing."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.with_name(f"{place.name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
