"""Keeps the files of a bucket in a folder, as the registry reads a store.

<cache>/store/<name>/<version>/...  whole versions alone: each is renamed to here
<cache>/fetch/<name>/<version>/...  what is being fetched
<cache>/bucket                      whose cache this is; locked by the process that fills it
"""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from app.bundle.files import FileRecord
from app.errors import StoreError
from app.mirror.disk import explained, sync_folder, write_verified
from app.store import DESIRED_VERSION, list_models, list_versions


class Cache:
    """A folder that one process fills from one bucket."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.store = folder / "store"
        self._fetch = folder / "fetch"
        self._url = url
        self._lock: int | None = None
        self._verified: set[Path] = set()

    def open(self) -> None:
        """Take the folder for this process; raise StoreError if it is another's."""
        if self._lock is not None:
            return
        with explained(self.folder):
            self.store.mkdir(parents=True, exist_ok=True)
            lock = os.open(self.folder / "bucket", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            self._claim(lock)
        except StoreError:
            os.close(lock)
            raise
        shutil.rmtree(self._fetch, ignore_errors=True)
        self._lock = lock

    def _claim(self, lock: int) -> None:
        remedy = "give each its own by CLASSMARK_STORE_CACHE"
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            message = f"the cache {self.folder} is in use by another process; {remedy}"
            raise StoreError(message, "disk") from exc
        owner = os.pread(lock, 4096, 0).decode(errors="replace")
        if owner not in ("", self._url):
            raise StoreError(f"{self.folder} is the cache of {owner}; {remedy}", "disk")
        with explained(self.folder):
            os.pwrite(lock, self._url.encode(), 0)

    def close(self) -> None:
        """Leave the folder to the next process."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    @property
    def is_usable(self) -> bool:
        """Whether it is this process's, and has any model."""
        return self._lock is not None and any(
            list_versions(self.store, name) for name in list_models(self.store)
        )

    def has(self, path: Path, record: FileRecord) -> bool:
        """Tell whether a file is there as the manifest says; read whole once, then by its size."""
        if not path.is_file() or path.stat().st_size != record.bytes:
            return False
        if path not in self._verified:
            with path.open("rb") as stream:
                if hashlib.file_digest(stream, "sha256").hexdigest() != record.sha256:
                    return False
            self._verified.add(path)
        return True

    def write(self, path: Path, pieces: Iterable[bytes], record: FileRecord, source: str) -> None:
        """Write a file that is as its record says, or nothing; raise StoreError then."""
        write_verified(path, pieces, record, source)
        self._verified.add(path)

    @contextmanager
    def staging(self, name: str, version: int) -> Iterator[Path]:
        """Yield a folder that becomes the version's when the block ends well, and else nothing."""
        folder = self._fetch / name / str(version)
        target = self.store / name / str(version)
        try:
            with explained(folder):
                folder.mkdir(parents=True)
                target.parent.mkdir(exist_ok=True)
            yield folder
            with explained(target):
                sync_folder(folder)
                folder.rename(target)
                sync_folder(target.parent)
            self._verified |= {target / one.name for one in target.iterdir()}
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def write_pins(self, name: str, pins: Mapping[str, bytes]) -> None:
        """Make the pins of a model those of the bucket."""
        folder = self.store / name
        with explained(folder):
            folder.mkdir(exist_ok=True)
            for path in folder.glob(f"{DESIRED_VERSION}*"):
                if path.name not in pins:
                    path.unlink()
            for file, text in pins.items():
                path = folder / file
                if not path.exists() or path.read_bytes() != text:
                    draft = path.with_name(f".{file}.part")
                    draft.write_bytes(text)
                    draft.replace(path)

    def prune(self, name: str, there: Collection[int], kept: Collection[int]) -> None:
        """Remove a model's versions but the kept and, of the others, the one fetched last.

        Args:
            there: versions that the bucket has; no other stays.
        """
        folders = {n: self.store / name / str(n) for n in list_versions(self.store, name)}
        others = [n for n in folders if n in there and n not in kept]
        others.sort(key=lambda n: folders[n].stat().st_mtime)
        for version, folder in folders.items():
            if version not in there or version in others[:-1]:
                self._remove(folder)

    def forget(self, names: Collection[str]) -> None:
        """Remove the models that are none of these."""
        for name in set(list_models(self.store)) - set(names):
            self._remove(self.store / name)

    def _remove(self, folder: Path) -> None:
        """Remove a folder at once from the registry's sight, then its files."""
        away = self._fetch / f"removed-{folder.parent.name}-{folder.name}"
        with explained(folder):
            self._fetch.mkdir(exist_ok=True)
            shutil.rmtree(away, ignore_errors=True)
            folder.rename(away)
        shutil.rmtree(away, ignore_errors=True)
        self._verified = {path for path in self._verified if folder not in path.parents}
