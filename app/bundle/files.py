"""Reads the files of a bundle without trust: plain files alone, whose size and checksum match."""

import hashlib
import mmap
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from app.errors import DamagedBundle, IncompleteBundle


class FileRecord(Protocol):
    """What a manifest says of a file."""

    @property
    def file(self) -> str: ...
    @property
    def sha256(self) -> str: ...
    @property
    def bytes(self) -> int: ...


@dataclass(frozen=True, slots=True)
class GraphData:
    """What a runtime loads of a graph.

    Attributes:
        model: the ONNX file.
        weights: by the name that the graph calls them, the files in which large weights lie. They
            are mapped: no copy of their gigabytes is made to check them.
    """

    model: bytes
    weights: Mapping[str, mmap.mmap] = field(default_factory=dict)


def read_verified(path: Path, record: FileRecord) -> bytes:
    """Return a file's bytes if size and checksum match: the verified bytes are those used."""
    data = read_plain(path, record.bytes)
    _check_size(path, record, len(data))
    _check_digest(path, record, data)
    return data


def check_size(path: Path, record: FileRecord) -> None:
    """Raise BundleError for a file that is missing or has another size than its record."""
    with _explain(path):
        _check_size(path, record, _size_of_plain(path, record.bytes))


def map_verified(path: Path, record: FileRecord) -> mmap.mmap:
    """Map a file into memory if size and checksum match; pages are read as they are needed."""
    check_size(path, record)
    with _explain(path):
        data = map_file(path)
    _check_digest(path, record, data)
    return data


def map_file(path: Path) -> mmap.mmap:
    """Map a file that is not empty."""
    with path.open("rb") as stream:
        return mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)


def read_plain(path: Path, limit: int) -> bytes:
    """Read a plain file; whoever follows links has done so before."""
    with _explain(path):
        _size_of_plain(path, limit)
        return path.read_bytes()


@contextmanager
def _explain(path: Path) -> Iterator[None]:
    """Turn the system's errors into those of a bundle."""
    try:
        yield
    except FileNotFoundError as exc:
        raise IncompleteBundle(
            f"{path} is missing: the copy is still in progress or was cut short"
        ) from exc
    except OSError as exc:
        raise DamagedBundle(f"{path} cannot be read: {exc.strerror}") from exc


def _size_of_plain(path: Path, limit: int) -> int:
    info = path.lstat()
    if not stat.S_ISREG(info.st_mode):
        raise DamagedBundle(f"{path} is not a regular file: a bundle holds plain files only")
    if info.st_size > limit:
        raise DamagedBundle(f"{path} has {info.st_size} bytes, more than the {limit} expected")
    return info.st_size


def _check_size(path: Path, record: FileRecord, size: int) -> None:
    if size != record.bytes:
        raise IncompleteBundle(
            f"{path} has {size} bytes, the manifest says {record.bytes}: the copy is still in "
            "progress or was cut short; copy the folder again"
        )


def _check_digest(path: Path, record: FileRecord, data: bytes | mmap.mmap) -> None:
    digest = hashlib.sha256(data).hexdigest()
    if digest != record.sha256:
        raise DamagedBundle(
            f"{path} has sha256 {digest[:12]}…, the manifest says {record.sha256[:12]}…: the "
            "file was changed or damaged; export or copy the bundle again"
        )
