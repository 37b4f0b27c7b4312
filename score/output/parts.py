"""Keeps what a run has answered as whole parts, so that a run that was killed goes on.

OUT.parts/run.json                         what the parts were made with
OUT.parts/part-00000012.3-errors.parquet   one chunk; renamed once it is on the disk
OUT.parts/lock                             held by the run
"""

import fcntl
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from score.errors import ScoreError
from score.output.formats import OutputFormat, OutputRow

_PART = re.compile(r"part-(\d{8})\.(\d+)-errors\.\w+")


class Parts:
    """The parts of one output, which one run at a time may write."""

    def __init__(self, out: Path, folder: Path) -> None:
        self._out = out
        self._folder = folder
        self._errors = {
            int(found[1]): int(found[2])
            for path in folder.iterdir()
            if (found := _PART.fullmatch(path.name))
        }

    @property
    def errors(self) -> int:
        """Rows of all parts that have an error instead of an answer."""
        return sum(self._errors.values())

    def has(self, number: int) -> bool:
        return number in self._errors

    def check(self, description: dict[str, Any]) -> None:
        """Keep what this run is; raise ScoreError where the parts are of another."""
        path = self._folder / "run.json"
        if not path.exists():
            replace(path, lambda file: file.write(json.dumps(description, indent=1).encode()))
            return
        before = json.loads(path.read_text())
        for name in before | description:
            old, new = before.get(name), description.get(name)
            if old != new:
                raise ScoreError(
                    f"{self._folder} holds parts of a run with {name} {old!r}, and this one has "
                    f"{new!r}; give the same options, or remove that folder to begin anew"
                )

    def write(self, number: int, rows: list[OutputRow], format: OutputFormat) -> None:
        errors = sum("error" in row for row in rows)
        replace(self._path(number, errors, format), lambda file: format.write(rows, file))
        self._errors[number] = errors

    def join(self, format: OutputFormat) -> None:
        """Make the output of all parts, and remove them."""
        paths = [
            self._path(number, self._errors[number], format) for number in sorted(self._errors)
        ]
        replace(self._out, lambda file: format.join(paths, file))
        # Renamed first: whoever comes now finds the output, and no lock that is about to go.
        self._folder.rename(_done(self._folder))
        shutil.rmtree(_done(self._folder))

    def _path(self, number: int, errors: int, format: OutputFormat) -> Path:
        return self._folder / f"part-{number:08d}.{errors}-errors{format.ending}"


@contextmanager
def claim(out: Path) -> Iterator[Parts]:
    """Let no other run write this output; raise ScoreError if one does, or it is there already."""
    folder = out.with_name(f"{out.name}.parts")
    if out.exists() and not folder.exists():
        raise ScoreError(f"{out} exists; remove it, or name another --out")
    shutil.rmtree(_done(folder), ignore_errors=True)
    try:
        folder.mkdir(exist_ok=True)
        lock = _lock(folder / "lock")
    except BlockingIOError as exc:
        raise ScoreError(f"another run writes {out}; let it end, or name another --out") from exc
    except OSError as exc:
        raise ScoreError(f"{folder} cannot be written: {exc.strerror}") from exc
    try:
        yield Parts(out, folder)
    finally:
        os.close(lock)


def _done(folder: Path) -> Path:
    """Return where a folder of parts goes that nobody needs any more."""
    return folder.with_name(f".{folder.name}.done")


def _lock(path: Path) -> int:
    """Return a descriptor that holds the lock until it is closed, or its process ends."""
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(descriptor).st_nlink == 0:  # of a run that has just ended
            raise BlockingIOError
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def replace(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write a file so that it is there whole or not at all, whenever the machine stops."""
    draft = path.with_name(f".{path.name}.tmp")
    with draft.open("wb") as file:
        write(file)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
