"""Folders of the demo cache: each is whole or absent."""

import shutil
from collections.abc import Callable
from pathlib import Path


def make_once(folder: Path, write: Callable[[Path], None]) -> Path:
    """Return the folder; if it is not there, have it written beside its place and renamed."""
    if folder.is_dir():
        return folder
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    write(partial)
    partial.rename(folder)
    return folder
