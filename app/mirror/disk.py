"""Writes files to a disk that may be full: whole and verified, or not at all."""

import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from app.bundle.files import FileRecord
from app.errors import StoreError

REMEDY = "make room there, or name a folder on another disk by CLASSMARK_STORE_CACHE"


def check_space(folder: Path, records: Iterable[FileRecord], what: str) -> None:
    """Raise StoreError unless these files fit on the folder's disk."""
    need, free = sum(one.bytes for one in records), shutil.disk_usage(folder).free
    if need > free:
        raise StoreError(
            f"{what} needs {need / 1e6:.1f} MB and {folder} has {free / 1e6:.1f} MB free; {REMEDY}",
            "disk",
        )


def write_verified(path: Path, pieces: Iterable[bytes], record: FileRecord, source: str) -> None:
    """Write a file under another name, and rename it once it is as its record says.

    Args:
        source: where the pieces come from, for the error.

    Raises:
        StoreError: it is longer, shorter or another than the record says, or the disk is full.
    """
    draft = path.with_name(f".{path.name}.part")
    digest, size = hashlib.sha256(), 0
    try:
        with explained(path), draft.open("wb") as out:
            for piece in pieces:
                size += len(piece)
                if size > record.bytes:
                    break
                digest.update(piece)
                out.write(piece)
            out.flush()
            os.fsync(out.fileno())
        if size != record.bytes or digest.hexdigest() != record.sha256:
            found = f"{size} bytes" if size <= record.bytes else "more bytes"
            raise StoreError(
                f"{source} has {found}, sha256 {digest.hexdigest()[:12]}…, its manifest says "
                f"{record.bytes} and {record.sha256[:12]}…: it was changed or damaged; push the "
                "bundle again as another version",
                "refused",
            )
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn the disk's errors into one that says what to do."""
    try:
        yield
    except OSError as exc:
        reason = f"{path} cannot be written ({exc.strerror}); {REMEDY}"
        raise StoreError(reason, "disk") from exc


def sync_folder(folder: Path) -> None:
    """Let a folder's entries survive a power failure, where the file system can."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            os.fsync(handle)
    finally:
        os.close(handle)
