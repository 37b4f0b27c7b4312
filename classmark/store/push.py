"""Puts a bundle into a store: whole, or not at all, and never over another."""

import hashlib
import shutil
import sys
import time
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING

from app.bundle.bundle import MANIFEST, MAX_MANIFEST_BYTES, open_bundle
from app.errors import StoreError

if TYPE_CHECKING:
    from app.mirror.layout import RemoteFile
    from app.mirror.remote_store import RemoteStore

QUIET_SECONDS = 2.0


def push(folder: Path, store: "RemoteStore | Path") -> bool:
    """Put a bundle's folder into a store; return False if the same is there already.

    Raises:
        BundleError: the folder is no whole bundle.
        StoreError: another bundle has its version, or the store cannot be written.
    """
    folder = folder.resolve()
    bundle = open_bundle(folder)
    bundle.check_files(checksums=True)
    if isinstance(store, Path):
        return _copy(folder, store)
    return _upload(folder, store)


def _copy(folder: Path, store: Path) -> bool:
    target = store / folder.parent.name / folder.name
    if target.exists():
        if (target / MANIFEST).read_bytes() == (folder / MANIFEST).read_bytes():
            open_bundle(target).check_files(checksums=True)
            return False
        raise StoreError(_taken(target))
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(mkdtemp(prefix=f".{folder.name}.tmp-", dir=target.parent))
    try:
        for path in [*_files(folder), folder / MANIFEST]:
            shutil.copyfile(path, draft / path.name)
        draft.chmod(0o755)
        draft.rename(target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return True


def _upload(folder: Path, remote: "RemoteStore") -> bool:
    """Upload the files, then the manifest, with which the version is there."""
    name, version = folder.parent.name, int(folder.name)
    label = f"{name}/{version}"
    model = remote.look().get(name)
    there = model.versions.get(version, {}) if model else {}
    if MANIFEST in there:
        _check_same(folder, remote, label)
    progress = Progress(label, sum(path.stat().st_size for path in _files(folder)))
    new = False
    for path in _files(folder):
        new |= _put(path, remote, label, there.get(path.name))
        progress.note(path)
    manifest = (folder / MANIFEST).read_bytes()
    if remote.create(f"{label}/{MANIFEST}", manifest):
        return True
    _check_same(folder, remote, label)  # somebody else was faster
    return new


def _put(path: Path, remote: "RemoteStore", label: str, there: "RemoteFile | None") -> bool:
    """Upload a file unless it is there; raise StoreError if another is."""
    target = f"{label}/{path.name}"
    if there is None and remote.create(target, path):
        return True
    from classmark.store.bucket import hash_remote

    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if (there and there.bytes != path.stat().st_size) or hash_remote(remote, target) != digest:
        raise StoreError(
            f"{remote.url}/{target} is there and another file: of an upload that was cut short, or "
            f"still goes on; push as another version, or remove {remote.url}/{label}/ first"
        )
    return False


def _check_same(folder: Path, remote: "RemoteStore", label: str) -> None:
    manifest, _ = remote.read(f"{label}/{MANIFEST}", MAX_MANIFEST_BYTES)
    if manifest != (folder / MANIFEST).read_bytes():
        raise StoreError(_taken(f"{remote.url}/{label}"))


def _taken(target: object) -> str:
    return (
        f"{target} is there and another bundle, and versions never change; export this one with "
        "another --version"
    )


def _files(folder: Path) -> list[Path]:
    """Return a bundle's files but its manifest, which goes last."""
    found = sorted(path for path in folder.iterdir() if path.is_file() and path.name[0] != ".")
    return [path for path in found if path.name != MANIFEST]


class Progress:
    """Says on stderr how far a push has come, if it takes longer than a moment."""

    def __init__(self, label: str, total_bytes: int) -> None:
        self._label, self._total, self._done = label, total_bytes, 0
        self._said = time.monotonic()

    def note(self, path: Path) -> None:
        self._done += path.stat().st_size
        if time.monotonic() - self._said > QUIET_SECONDS:
            self._said = time.monotonic()
            share = self._done / max(self._total, 1)
            sys.stderr.write(f"{self._label}: {share:.0%} of {self._total / 1e6:.1f} MB\n")
